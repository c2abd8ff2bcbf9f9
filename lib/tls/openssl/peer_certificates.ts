import { NAME_RFC2253 } from "./binding.ts";
import type { Bytes, OpenSsl, Pointer } from "./library.ts";

/** A longer name is cut: a client chooses it. */
const MAX_SUBJECT_BYTES = 1024;

/**
 * The peer's certificates as DER, its own first; empty where it has shown none.
 *
 * @param side which one of the connection we are
 */
export function peerCertificates(
  { ssl, crypto }: OpenSsl,
  live: Pointer,
  side: "server" | "client",
): readonly Bytes[] {
  const own = ssl.SSL_get1_peer_certificate(live);
  if (own === null) return [];
  const certificates = [derOf(crypto, own)];
  crypto.X509_free(own);
  const chain = ssl.SSL_get_peer_cert_chain(live);
  // for a client the chain begins with the server's own
  const first = side === "client" ? 1 : 0;
  const count = chain === null ? 0 : crypto.OPENSSL_sk_num(chain);
  for (let at = first; at < count; at++) {
    certificates.push(derOf(crypto, crypto.OPENSSL_sk_value(chain, at)));
  }
  return certificates;
}

/** The distinguished name of the peer's certificate (RFC 4514), in printable ASCII. */
export function peerSubject({ ssl, crypto }: OpenSsl, live: Pointer): string | undefined {
  const own = ssl.SSL_get1_peer_certificate(live);
  if (own === null) return undefined;
  const subject = crypto.X509_get_subject_name(own);
  const bio = crypto.BIO_new(crypto.BIO_s_mem());
  crypto.X509_NAME_print_ex(bio, subject, 0, NAME_RFC2253);
  const text = new Uint8Array(Math.min(crypto.BIO_ctrl_pending(bio), MAX_SUBJECT_BYTES));
  crypto.BIO_read(bio, text, text.length);
  crypto.BIO_free(bio);
  crypto.X509_free(own);
  return String.fromCharCode(...text);
}

function derOf(crypto: OpenSsl["crypto"], certificate: Deno.PointerValue): Bytes {
  const size = crypto.i2d_X509(certificate, null);
  const der = new Uint8Array(size);
  const place = new BigUint64Array([crypto.addressOf(der, der, 0n)]);
  crypto.i2d_X509(certificate, new Uint8Array(place.buffer));
  return der;
}
