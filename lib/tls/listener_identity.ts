import type { Certificate } from "../certificates/certificate.ts";
import type { CertificateStore } from "../certificates/certificate_store.ts";

/** What a `Deno.listenTls` listener proves itself with, for as long as it lives. */
export interface ListenerIdentity {
  readonly listenOptions: Deno.TlsCertifiedKeyPem;
  /** The one certificate that every client is given; undefined where it goes by the name. */
  readonly certificate: Certificate | undefined;
  /** Whether the store would still give the same, and it has room for more names. */
  readonly isCurrent: () => boolean;
}

/**
 * Names that one listener is asked for at the most. The runtime keeps an answer for every name that
 * it ever asked about, and strangers choose the names.
 */
export const MAX_NAMES = 1000;

/**
 * One certificate is static: its sessions are resumed, and its handshakes cost the least. Of several
 * the runtime asks for one by name, once for each name: lower case, `""` where a client sends none.
 *
 * @param onFull called when so many names were asked for that the listener is to be replaced
 */
export function identityOf(store: CertificateStore, onFull: () => void): ListenerIdentity {
  const [only, ...more] = store.all;
  if (only === undefined || more.length > 0) return identityByName(store, onFull);
  return {
    listenOptions: pemOf(only),
    certificate: only,
    isCurrent: () => store.all.length === 1 && isSame(only, store.default),
  };
}

function identityByName(store: CertificateStore, onFull: () => void): ListenerIdentity {
  const { all } = store;
  let names = 0;
  const resolveCertificate = (name: string | undefined) => {
    if (++names % MAX_NAMES === 0) onFull();
    return pemOf(store.select(name === "" ? undefined : name).certificate);
  };
  // a runtime knows one of the two, and does not look at the other
  const options = { resolveCertificate, [SNI_RESOLVER]: resolveCertificate };
  return {
    listenOptions: options as unknown as Deno.TlsCertifiedKeyPem,
    certificate: undefined,
    isCurrent: () => names < MAX_NAMES && store.all === all,
  };
}

/**
 * How the runtime is told (ext/net/02_tls.js), as long as it has no `resolveCertificate`
 * (denoland/deno#35179); its types know of neither.
 */
const SNI_RESOLVER = Symbol.for("unstableSniResolver");

function pemOf({ certPem: cert, keyPem: key }: Certificate): Deno.TlsCertifiedKeyPem {
  return { cert, key };
}

function isSame(a: Certificate, b: Certificate): boolean {
  return a.certPem === b.certPem && a.keyPem === b.keyPem;
}
