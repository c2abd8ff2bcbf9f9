import assert from "node:assert/strict";
import { canVerify, type ClientAbilities, type SigningKey } from "./signature_schemes.ts";

const TLS_1_3 = { versions: [0x0304, 0x0303], cipherSuites: [0x1301], groups: [29] };
const TLS_1_2 = { versions: [0x0303], cipherSuites: [0xc02b, 0xc02f], groups: [29, 23] };
const RSA: SigningKey = { keyType: "RSA" };
const P256: SigningKey = { keyType: "ECDSA", curve: "prime256v1" };
const P384: SigningKey = { keyType: "ECDSA", curve: "secp384r1" };
const ED25519: SigningKey = { keyType: "Ed25519" };

/** A hello, the schemes in it, a key, and whether its signature can be verified. */
const CASES: readonly (readonly [
  hello: Omit<ClientAbilities, "signatureAlgorithms">,
  schemes: readonly number[],
  key: SigningKey,
  can: boolean,
])[] = [
  [TLS_1_3, [0x0804], RSA, true],
  // PKCS #1 is for certificates only there (RFC 8446, section 4.2.3)
  [TLS_1_3, [0x0401], RSA, false],
  [TLS_1_3, [0x0403], RSA, false],
  [TLS_1_3, [0x0403], P256, true],
  [TLS_1_3, [0x0503], P256, false],
  [TLS_1_3, [0x0503], P384, true],
  [TLS_1_3, [0x0807], ED25519, true],
  [TLS_1_3, [0x0403, 0x0804], ED25519, false],
  [TLS_1_3, [0x0a0a, 0x0403], P256, true],
  [TLS_1_3, [], P256, false],
  [TLS_1_2, [0x0401], RSA, true],
  [TLS_1_2, [0x0403], P256, true],
  [{ ...TLS_1_2, cipherSuites: [0xc02f] }, [0x0403], P256, false],
  [{ ...TLS_1_2, cipherSuites: [0xc02b] }, [0x0401], RSA, false],
  [{ ...TLS_1_2, cipherSuites: [0xcca9] }, [0x0807], ED25519, true],
  [TLS_1_3, [0x0403], { keyType: "Ed448" }, false],
  [TLS_1_2, [0x0503], P384, false],
  [{ ...TLS_1_2, groups: [23, 24] }, [0x0503], P384, true],
  [{ ...TLS_1_2, groups: [29] }, [0x0403], P256, false],
  [{ ...TLS_1_2, groups: [] }, [0x0403], P256, true],
  [{ ...TLS_1_2, groups: [24] }, [0x0807], ED25519, true],
];

Deno.test("canVerify() goes by signature schemes, and by suites and groups up to TLS 1.2", () => {
  for (const [hello, signatureAlgorithms, key, can] of CASES) {
    const said = canVerify({ ...hello, signatureAlgorithms }, key);
    assert.equal(said, can, JSON.stringify([hello, signatureAlgorithms, key]));
  }
});
