/** A cipher suite that can be asked for. */
export interface CipherSuite {
  /** Its name in the registry of IANA. */
  readonly name: string;
  /** What OpenSSL calls it. */
  readonly openssl: string;
  readonly version: "TLSv1.2" | "TLSv1.3";
}

/**
 * All that have forward secrecy and authenticated encryption (RFC 9325, section 4.2): what else
 * there is of TLS 1.2 is no choice.
 */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  ...["AES_256_GCM_SHA384", "AES_128_GCM_SHA256", "CHACHA20_POLY1305_SHA256", "AES_128_CCM_SHA256"]
    .map((suite) => suiteOf13(`TLS_${suite}`)),
  ...["ECDSA", "RSA"].flatMap((key) =>
    [["AES_256_GCM_SHA384", "AES256-GCM-SHA384"], ["AES_128_GCM_SHA256", "AES128-GCM-SHA256"], [
      "CHACHA20_POLY1305_SHA256",
      "CHACHA20-POLY1305",
    ]].map(([suite = "", openssl = ""]) => suiteOf12(key, suite, openssl))
  ),
];

const BY_NAME = new Map(CIPHER_SUITES.map((suite) => [suite.name, suite]));

/** The suite of that name; undefined where there is none to choose. */
export function cipherSuite(name: string): CipherSuite | undefined {
  return BY_NAME.get(name);
}

/** Groups of the key exchange that can be asked for, by their names in the registry of IANA. */
const GROUPS: Readonly<Record<string, string>> = {
  x25519: "X25519",
  secp256r1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
  x448: "X448",
  x25519mlkem768: "X25519MLKEM768",
  secp256r1mlkem768: "SecP256r1MLKEM768",
};

export const GROUP_NAMES: readonly string[] = Object.keys(GROUPS);

/** What OpenSSL calls a group; undefined where there is none to choose. */
export function opensslGroup(name: string): string | undefined {
  return GROUPS[name];
}

function suiteOf13(name: string): CipherSuite {
  return { name, openssl: name, version: "TLSv1.3" };
}

function suiteOf12(key: string, suite: string, openssl: string): CipherSuite {
  return {
    name: `TLS_ECDHE_${key}_WITH_${suite}`,
    openssl: `ECDHE-${key}-${openssl}`,
    version: "TLSv1.2",
  };
}
