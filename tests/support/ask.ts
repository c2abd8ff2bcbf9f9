import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { encodeRequest, readAnswer, type SeenAnswer } from "./http.ts";
import { connectNodeTls, connectTls } from "./tls_client.ts";
import type { TestConnection } from "./connection.ts";

export interface AskOptions {
  /** In the handshake; undefined sends none. */
  readonly sni: string | undefined;
  /** The Host field, where it is not the SNI. */
  readonly host?: string;
  readonly path?: string;
  /** More lines of the head. */
  readonly fields?: readonly string[];
}

/** An answer, and the certificate of the connection it came over. */
export interface Asked extends SeenAnswer {
  readonly fingerprint: string;
}

/** Asks once over a connection of its own; whether the certificate suits the name is not looked at. */
export async function ask(port: number, options: AskOptions): Promise<Asked> {
  const { connection, fingerprint } = await connectAs(port, options.sni);
  using client = connection;
  return { ...await askOver(client, options), fingerprint };
}

/** Asks over a connection that is there. */
export async function askOver(
  client: TestConnection,
  { sni, host = sni ?? "localhost", path = "/", fields = [] }: AskOptions,
): Promise<SeenAnswer> {
  await client.write(encodeRequest(path, { host, fields }));
  return await readAnswer(client);
}

/** Asks once by HTTP/1.1, over a connection of its own for `localhost`. */
export async function askOnce(
  port: number,
  path: string,
  options: Parameters<typeof encodeRequest>[1] = {},
): Promise<SeenAnswer> {
  using client = await connectTls(port, ["http/1.1"]);
  await client.write(encodeRequest(path, options));
  return await readAnswer(client);
}

/** A connection under a name. */
export async function connectAs(
  port: number,
  sni: string | undefined,
): Promise<{ connection: TestConnection; fingerprint: string }> {
  const { connection, socket } = await connectNodeTls(port, {
    servername: sni ?? "",
    rejectUnauthorized: false,
  });
  return { connection, fingerprint: fingerprintOfPeer(socket) };
}

function fingerprintOfPeer(socket: TLSSocket): string {
  const { fingerprint256 }: Partial<DetailedPeerCertificate> = socket.getPeerCertificate();
  return (fingerprint256 ?? "").replaceAll(":", "").toLowerCase();
}
