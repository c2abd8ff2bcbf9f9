import { type ClientContextOptions, TlsContext } from "./openssl/context.ts";
import { openSsl, openSslUnavailable } from "./openssl/library.ts";
import { readCrls } from "./openssl/pem_objects.ts";
import { secondsUntil } from "./openssl/seconds_until.ts";
import { whyRefused } from "./openssl/trial.ts";
import type { ServerTls } from "./server_trust.ts";

/** Why servers cannot be spoken TLS to like this; undefined where they can. */
export function serverTlsRefusal(tls: ServerTls): string | undefined {
  const unavailable = openSslUnavailable();
  if (unavailable !== undefined) return `TLS to servers takes OpenSSL: ${unavailable}`;
  return refusalOf(tls);
}

/** Why a certificate cannot be shown to servers; undefined where it can, and where nothing can tell. */
export function shownRefusal(shown: NonNullable<ServerTls["shown"]>): string | undefined {
  if (openSslUnavailable() !== undefined) return undefined;
  return refusalOf({ shown, ca: undefined, verify: false });
}

function refusalOf(tls: Omit<ClientContextOptions, "alpn">): string | undefined {
  try {
    TlsContext.forClient({ ...tls, alpn: [] });
    return undefined;
  } catch (error) {
    return whyRefused(error);
  }
}

/**
 * Why revocation lists cannot be used; undefined where they can, and where nothing can tell.
 *
 * @param pem as many lists as it has blocks
 */
export function crlRefusal(pem: string): string | undefined {
  if (openSslUnavailable() !== undefined) return undefined;
  const openssl = openSsl();
  const lists = readCrls(openssl, pem);
  for (const list of lists) openssl.crypto.X509_CRL_free(list);
  const blocks = pem.match(/-----BEGIN X509 CRL-----/g)?.length ?? 0;
  return lists.length === blocks ? undefined : `list ${lists.length + 1} of it is damaged`;
}

/**
 * Whether one of these lists was to have a successor by now (RFC 5280, section 5.1.2.5): then no
 * client of its authority is believed.
 */
export function isCrlOutdated(pem: string): boolean {
  if (openSslUnavailable() !== undefined) return false;
  const openssl = openSsl();
  const { crypto } = openssl;
  return readCrls(openssl, pem).map((list) => {
    const left = secondsUntil(crypto, crypto.X509_CRL_get0_nextUpdate(list));
    crypto.X509_CRL_free(list);
    return left !== undefined && left < 0;
  }).includes(true);
}
