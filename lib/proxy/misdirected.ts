import { ipAddress } from "../core/host_name.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { ClientAuthRules } from "../tls/client_auth.ts";
import { certificateCovers, type CertificateStore } from "../certificates/certificate_store.ts";

/**
 * Whether a request for a host came over a connection that was not made for it (RFC 9110, section
 * 15.5.20): another certificate covers the host, and the one this connection was given does not. So
 * one certificate alone, a default one or an IP address, which no handshake names (RFC 6066, section
 * 3), never makes a request misdirected.
 */
export function isMisdirected(
  host: string | undefined,
  given: Certificate | undefined,
  certificates: CertificateStore | undefined,
): boolean {
  if (host === undefined || given === undefined || certificates === undefined) return false;
  if (certificateCovers(given, host)) return false;
  const meant = certificates.covers(host);
  return meant.length > 0 && !meant.some((certificate) => isSame(certificate, given)) &&
    ipAddress(host) === undefined;
}

/**
 * Whether what the client had to prove under the connection's name is not what is asked under this
 * host: else a name without a policy would lead everybody round that of another.
 *
 * @param asked what it had to prove (`ClientAuth.id`)
 */
export function isUnderOtherAuth(
  host: string | undefined,
  asked: string | undefined,
  rules: ClientAuthRules,
): boolean {
  return rules.ruleFor(host)?.id !== asked;
}

/** Or what has taken its place since, as a renewed certificate is one of the same file. */
function isSame(a: Certificate, b: Certificate): boolean {
  return a === b || a.fingerprint === b.fingerprint || a.label === b.label;
}
