import type { CertificateConfig } from "../config/config.ts";
import { isUnreadable } from "../io/file_trouble.ts";
import { type Certificate, readCertificate } from "../certificates/certificate.ts";
import type { CertificateReader } from "./certificate_reader.ts";

/** Milliseconds that a stand-in is good for: longer than a CA takes, too short to be got used to. */
const STAND_IN_MS = 86_400_000;

/**
 * Has a stand-in be read where a CA has not given the certificate yet.
 *
 * @param held the one that is served, where the store has lost it: it is as good as it was
 */
export function orStandIn(
  read: CertificateReader,
  held: (entry: CertificateConfig) => Certificate | undefined = () => undefined,
): CertificateReader {
  return async (entry) =>
    await isMissing(entry) ? held(entry) ?? await standInFor(entry) : await read(entry);
}

/**
 * The certificate that stands for one that no CA has given yet. With it a listener can open before
 * its first certificate is there; clients that ask for its names are refused by an alert where the
 * engine sees them, as a certificate that nobody trusts teaches people to click warnings away.
 */
async function standInFor(entry: CertificateConfig): Promise<Certificate> {
  const { createAuthority, issueServerCertificate } = await import(
    "../certificates/certificate_authority.ts"
  );
  const now = Date.now();
  const validity = { notBefore: new Date(now - 60_000), notAfter: new Date(now + STAND_IN_MS) };
  const hosts = entry.acme ?? [];
  const authority = await createAuthority({ commonName: "tls-proxy stand-in", ...validity });
  const request = { commonName: "tls-proxy stand-in", hosts, ...validity };
  const { cert, key } = await issueServerCertificate(authority, request);
  const certificate = await readCertificate({ cert, key }, entry);
  // the same thing each time that it is made
  return { ...certificate, digest: "stand-in", placeholder: true };
}

/**
 * Whether a CA's certificate is not there yet, or no longer whole: then it is asked for. One that is
 * there and cannot be read is not: nor could another be kept in its place.
 */
async function isMissing({ acme, cert, key }: CertificateConfig): Promise<boolean> {
  if (acme === undefined) return false;
  try {
    await readCertificate({
      cert: await Deno.readTextFile(cert),
      key: await Deno.readTextFile(key),
    }, {
      cert,
      key,
    });
    return false;
  } catch (error) {
    return !isUnreadable(error);
  }
}
