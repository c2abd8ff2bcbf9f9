import type { Certificate } from "./certificate.ts";

/** What a ClientHello says of the signatures that its sender can verify. */
export interface ClientAbilities {
  /** Protocol versions. */
  readonly versions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly cipherSuites: readonly number[];
  /** Groups of the key exchange; none where it does not say. */
  readonly groups: readonly number[];
}

/** What a signature depends on. */
export type SigningKey = Pick<Certificate, "keyType" | "curve">;

/**
 * Whether the sender of a ClientHello can verify a signature of such a key: the list of signature
 * schemes says so, and up to TLS 1.2 the cipher suites too (RFC 5246, section 7.4.3), and the groups,
 * which are the curves that keys may be on (RFC 8422, section 5.1.1).
 */
export function canVerify(hello: ClientAbilities, key: SigningKey): boolean {
  const { versions, signatureAlgorithms, cipherSuites, groups } = hello;
  const tls13 = versions.includes(TLS_1_3);
  const schemes = schemesOf(key, tls13);
  if (!signatureAlgorithms.some((scheme) => schemes.includes(scheme))) return false;
  if (tls13) return true;
  const suites = key.keyType === "RSA" ? RSA_SUITES : ECDSA_SUITES;
  if (!cipherSuites.some((suite) => suites.includes(suite))) return false;
  const group = key.keyType === "ECDSA" ? CURVE_GROUPS[key.curve ?? DEFAULT_CURVE] : undefined;
  return group === undefined || groups.length === 0 || groups.includes(group);
}

const TLS_1_3 = 0x0304;

type Numbers = readonly number[];

/** RFC 8446, section 4.2.3. A curve goes with one hash; up to TLS 1.2 only in this runtime. */
const ECDSA_SCHEMES: Readonly<Record<string, Numbers>> = {
  prime256v1: [0x0403],
  secp384r1: [0x0503],
  secp521r1: [0x0603],
};
/** RFC 8422, section 5.1.1. */
const CURVE_GROUPS: Readonly<Record<string, number>> = {
  prime256v1: 23,
  secp384r1: 24,
  secp521r1: 25,
};
/** Where none is told. */
const DEFAULT_CURVE = "prime256v1";
const RSA_PSS_SCHEMES: Numbers = [0x0804, 0x0805, 0x0806];
/** For TLS 1.2 only. */
const RSA_PKCS1_SCHEMES: Numbers = [0x0401, 0x0501, 0x0601];
const ED25519_SCHEMES: Numbers = [0x0807];

/** What all browsers verify: some know no Ed25519, and no P-521. */
export const BROWSER_SCHEMES: Numbers = [0x0403, 0x0503, ...RSA_PSS_SCHEMES, ...RSA_PKCS1_SCHEMES];

/** TLS 1.2 suites that this runtime has, by the signature they need (RFC 5289, RFC 7905). */
const ECDSA_SUITES: Numbers = [0xc02b, 0xc02c, 0xcca9];
const RSA_SUITES: Numbers = [0xc02f, 0xc030, 0xcca8];

/** None for a kind of key that this runtime cannot sign with. */
function schemesOf({ keyType, curve }: SigningKey, tls13: boolean): Numbers {
  switch (keyType) {
    case "RSA":
      return tls13 ? RSA_PSS_SCHEMES : [...RSA_PSS_SCHEMES, ...RSA_PKCS1_SCHEMES];
    case "ECDSA":
      return ECDSA_SCHEMES[curve ?? DEFAULT_CURVE] ?? [];
    case "Ed25519":
      return ED25519_SCHEMES;
    default:
      return [];
  }
}
