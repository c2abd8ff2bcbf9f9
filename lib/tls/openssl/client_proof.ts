import { cString, type OpenSsl, type Pointer, textAt } from "./library.ts";
import { secondsUntil } from "./seconds_until.ts";

/*
 * What a client has proved by a certificate holds for the sessions that it resumes only as long as it
 * would hold for a new one. A session keeps the client's own certificate and nothing else of its
 * chain, and the library does not look at it again. So a ticket is given where that certificate needs
 * no other to be verified, and each time one is used it is verified as at first: by the authorities,
 * the revocation lists and the clock of that moment. None is resumed beyond the end of its
 * certificate, in whose place the client may have another by then.
 */

/** Gives the client a ticket behind a handshake where it may have one; to be sent with what follows. */
export function giveTicket({ ssl, crypto }: OpenSsl, live: Pointer): void {
  const own = ssl.SSL_get1_peer_certificate(live);
  if (own === null) return;
  const left = secondsUntil(crypto, crypto.X509_get0_notAfter(own)) ?? 0;
  const size = crypto.i2d_X509(own, null);
  crypto.X509_free(own);
  if (size > MAX_SEALED_BYTES) return;
  const chain = ssl.SSL_get_peer_cert_chain(live);
  // none is left of a session that was resumed, so it was alone before
  const others = chain === null ? 0 : crypto.OPENSSL_sk_num(chain);
  if (others > 0) return;
  const session = ssl.SSL_get_session(live);
  if (left < ssl.SSL_SESSION_get_timeout(session)) {
    ssl.SSL_SESSION_set_timeout(session, BigInt(Math.max(0, left)));
  }
  if (ssl.SSL_new_session_ticket(live) === 1) ssl.SSL_do_handshake(live);
}

/**
 * Of a certificate that a ticket holds: with a few times as much its client would come with a hello
 * that is too long, and the library fails at a ticket of 64 KiB.
 */
const MAX_SEALED_BYTES = 16 * 1024;

/**
 * Why a client's certificate is not believed, which was when the session began that it has resumed;
 * undefined where it is.
 *
 * @param context the `SSL_CTX` of the connection
 */
export function staleProof(
  { ssl, crypto }: OpenSsl,
  { context, live }: { context: Pointer; live: Pointer },
): string | undefined {
  const own = ssl.SSL_get1_peer_certificate(live);
  if (own === null) return "the session is of a client without a certificate";
  const check = crypto.X509_STORE_CTX_new();
  const store = ssl.SSL_CTX_get_cert_store(context);
  const begun = crypto.X509_STORE_CTX_init(check, store, own, null) === 1 &&
    crypto.X509_STORE_CTX_set_default(check, SSL_CLIENT) === 1;
  const isGood = begun && crypto.X509_verify_cert(check) === 1;
  const code = crypto.X509_STORE_CTX_get_error(check);
  crypto.X509_STORE_CTX_free(check);
  crypto.X509_free(own);
  crypto.ERR_clear_error();
  if (isGood) return undefined;
  return textAt(crypto, crypto.X509_verify_cert_error_string(BigInt(code)));
}

/** What a certificate is verified for, as in a handshake. */
const SSL_CLIENT = cString("ssl_client");
