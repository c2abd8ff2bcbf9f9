/** A cipher suite that can be asked for. */
export interface CipherSuite {
  /** Its name in the registry of IANA. */
  readonly name: string;
  /** What OpenSSL calls it. */
  readonly openssl: string;
  /** Its number in that registry. */
  readonly number: number;
  readonly version: "TLSv1.2" | "TLSv1.3";
}

/** What a suite of TLS 1.2 encrypts with, by its names. */
interface Encryption {
  readonly iana: string;
  readonly openssl: string;
}

const AES_256: Encryption = { iana: "AES_256_GCM_SHA384", openssl: "AES256-GCM-SHA384" };
const AES_128: Encryption = { iana: "AES_128_GCM_SHA256", openssl: "AES128-GCM-SHA256" };
const CHACHA20: Encryption = { iana: "CHACHA20_POLY1305_SHA256", openssl: "CHACHA20-POLY1305" };

/**
 * All that have forward secrecy and authenticated encryption (RFC 9325, section 4.2): what else
 * there is of TLS 1.2 is no choice.
 */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  suiteOf13("TLS_AES_256_GCM_SHA384", 0x1302),
  suiteOf13("TLS_AES_128_GCM_SHA256", 0x1301),
  suiteOf13("TLS_CHACHA20_POLY1305_SHA256", 0x1303),
  suiteOf13("TLS_AES_128_CCM_SHA256", 0x1304),
  suiteOf12("ECDSA", AES_256, 0xc02c),
  suiteOf12("ECDSA", AES_128, 0xc02b),
  suiteOf12("ECDSA", CHACHA20, 0xcca9),
  suiteOf12("RSA", AES_256, 0xc030),
  suiteOf12("RSA", AES_128, 0xc02f),
  suiteOf12("RSA", CHACHA20, 0xcca8),
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
  secp384r1mlkem1024: "SecP384r1MLKEM1024",
};

/** All that may be written for a group of the key exchange. */
export const GROUP_NAMES: readonly string[] = Object.keys(GROUPS);

/** What OpenSSL calls a group; undefined where there is none to choose. */
export function opensslGroup(name: string): string | undefined {
  return GROUPS[name];
}

/** Whether a group is a hybrid with ML-KEM, which no version but TLS 1.3 can agree on. */
export function isHybrid(group: string): boolean {
  return group.includes("mlkem");
}

function suiteOf13(name: string, number: number): CipherSuite {
  return { name, openssl: name, number, version: "TLSv1.3" };
}

function suiteOf12(key: string, { iana, openssl }: Encryption, number: number): CipherSuite {
  return {
    name: `TLS_ECDHE_${key}_WITH_${iana}`,
    openssl: `ECDHE-${key}-${openssl}`,
    number,
    version: "TLSv1.2",
  };
}
