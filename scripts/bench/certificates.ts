import { HOST, type ServerFiles } from "./contender.ts";
import type { Surroundings } from "./plan.ts";

/** PEM files of everybody; keys are ECDSA, P-256. */
export interface Certificates extends ServerFiles {
  readonly client: { readonly cert: string; readonly key: string };
}

/** Makes an authority, and a certificate for servers and one for clients that are signed by it. */
export async function makeCertificates(
  { processes, folder }: Pick<Surroundings, "processes" | "folder">,
): Promise<Certificates> {
  const key = (name: string) => `${folder}/${name}.key`;
  const cert = (name: string) => `${folder}/${name}.pem`;
  const make = async (name: string, flags: readonly string[]) => {
    await processes.run([
      ...["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", `/CN=${name}`],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
      ...["-keyout", key(name), "-out", cert(name), ...flags],
    ]);
    return { cert: cert(name), key: key(name) };
  };
  const ca = await make("authority", ["-addext", "keyUsage=critical,keyCertSign"]);
  const signed = [
    ...["-CA", ca.cert, "-CAkey", ca.key],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
  ];
  const names = `subjectAltName=DNS:${HOST},IP:127.0.0.1`;
  const server = await make("server", [...signed, "-addext", names]);
  const client = await make("client", [...signed, "-addext", "extendedKeyUsage=clientAuth"]);
  return { ...server, ca: ca.cert, client };
}
