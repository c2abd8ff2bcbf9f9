import { CIPHER_SUITES, cipherSuite } from "../core/cipher_suites.ts";
import { ProxyError } from "../core/errors.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { CertificateStore, ClientAbilities } from "../certificates/certificate_store.ts";
import { BROWSER_SCHEMES } from "../certificates/signature_schemes.ts";
import type { ClientHello } from "./client_hello.ts";
import { type ClientAuth, type TlsPolicy, type TlsVersion, versionsOf } from "./policy.ts";
import type { AlertName } from "./wire.ts";

/** What a ClientHello gets. */
export type Admission =
  | {
    readonly kind: "admitted";
    readonly certificate: Certificate;
    /** What ALPN is answered with (RFC 7301); undefined for nothing. */
    readonly protocol: string | undefined;
    /** What the client has to prove of itself; nothing where it is absent. */
    readonly clientAuth?: ClientAuth | undefined;
  }
  /** TLS is somebody else's: the connection is given on as it is, the hello included. */
  | { readonly kind: "passthrough" }
  /** `alert` is to be sent before any key is used. */
  | { readonly kind: "refused"; readonly alert: AlertName; readonly error: ProxyError };

/** Certificates that show a CA whose a name is. */
export interface ChallengeCertificates {
  /** The protocol by which a CA asks for them, and nobody else (RFC 8737, section 4). */
  readonly protocol: string;
  /** @param name in lower case @returns undefined where none is pending */
  certificateFor(name: string): Certificate | undefined;
}

/** Decides on a ClientHello by the policy of the listener and the certificates there are. */
export function admit(
  hello: ClientHello,
  { policy, certificates, alpn, challenge }: {
    policy: TlsPolicy;
    certificates: CertificateStore;
    /** What is offered, best first; nothing for who does without ALPN. */
    alpn: readonly string[];
    /** See `TlsListenOptions`. */
    challenge?: ChallengeCertificates | undefined;
  },
): Admission {
  const [asked] = hello.alpn;
  if (challenge !== undefined && hello.alpn.length === 1 && asked === challenge.protocol) {
    return admitAuthority(hello, challenge);
  }
  // RFC 8446, section 4.2.1. The runtime's TLS says handshake_failure to some of these.
  const allowed = versionsOf(policy);
  if (!allowed.some((version) => hello.versions.includes(NUMBERS[version]))) {
    const why = `The client cannot do ${allowed.join(" or ")}`;
    return refused("protocol_version", new ProxyError("handshake_failed", why));
  }
  const { certificate, match } = certificates.select(hello.sni, leftOf(hello, policy));
  // RFC 6066, section 3: a client may send no name, and then there is none that could be unknown.
  if (policy.strictSni && hello.sni !== undefined && match === "default") {
    const why = "No certificate covers the name";
    return refused("unrecognized_name", new ProxyError("unknown_name", why));
  }
  if (certificate.placeholder === true) {
    const why = "No CA has given the certificate for this name yet";
    return refused("unrecognized_name", new ProxyError("unknown_name", why));
  }
  // RFC 7301, section 3.2: one who speaks none of ours cannot be served, one who says nothing can
  const protocol = alpn.find((name) => hello.alpn.includes(name));
  if (protocol === undefined && alpn.length > 0 && hello.alpn.length > 0) {
    const why = "The client speaks none of the protocols offered";
    return refused("no_application_protocol", new ProxyError("handshake_failed", why));
  }
  return { kind: "admitted", certificate, protocol };
}

/** A CA that looks whether a name is ours (RFC 8737, section 3): it gets that and nothing else. */
function admitAuthority(hello: ClientHello, challenge: ChallengeCertificates): Admission {
  const certificate = hello.sni === undefined ? undefined : challenge.certificateFor(hello.sni);
  if (certificate !== undefined) {
    return { kind: "admitted", certificate, protocol: challenge.protocol };
  }
  const why = "A CA asks for a challenge that is not pending";
  return refused("no_application_protocol", new ProxyError("handshake_failed", why));
}

/** What a browser of today can verify on a listener, for who asks what it would be given. */
export function browserAbilities(policy: TlsPolicy): ClientAbilities {
  return leftOf(BROWSER, policy);
}

/** What the listener's choices leave of what a client can: with anything else nothing is agreed on. */
function leftOf(hello: ClientAbilities, policy: TlsPolicy): ClientAbilities {
  const { ciphers } = policy;
  if (ciphers === undefined) return hello;
  const versions = versionsOf(policy).map((version) => NUMBERS[version]);
  const suites = ciphers.map((name) => cipherSuite(name)?.number);
  return {
    ...hello,
    versions: hello.versions.filter((version) => versions.includes(version)),
    cipherSuites: hello.cipherSuites.filter((suite) => suites.includes(suite)),
  };
}

/** As ProtocolVersion has them (RFC 8446, section 4.1.2). */
const NUMBERS: Readonly<Record<TlsVersion, number>> = { "TLSv1.2": 0x0303, "TLSv1.3": 0x0304 };

const BROWSER: ClientAbilities = {
  versions: Object.values(NUMBERS),
  signatureAlgorithms: BROWSER_SCHEMES,
  cipherSuites: CIPHER_SUITES.map(({ number }) => number),
  groups: [],
};

function refused(alert: AlertName, error: ProxyError): Admission {
  return { kind: "refused", alert, error };
}
