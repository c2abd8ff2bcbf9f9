import type { Certificate } from "../tls/certificate.ts";
import { certificateCovers, type CertificateStore } from "../tls/certificate_store.ts";

/**
 * Whether a request for a host came over a connection that was not made for it (RFC 9110, section
 * 15.5.20): another certificate covers the host, and the one this connection was given does not. So
 * one certificate alone, a default one or an IP address never makes a request misdirected.
 */
export function isMisdirected(
  host: string | undefined,
  given: Certificate | undefined,
  certificates: CertificateStore,
): boolean {
  if (host === undefined || given === undefined || certificateCovers(given, host)) return false;
  const { certificate, match } = certificates.select(host);
  return match !== "default" && certificate !== given &&
    certificate.fingerprint !== given.fingerprint;
}
