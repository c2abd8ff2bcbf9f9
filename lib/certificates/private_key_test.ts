import assert from "node:assert/strict";
import { openssl, selfSigned } from "../../tests/support/openssl.ts";
import { ProxyError } from "../core/errors.ts";
import { toPem } from "./pem.ts";
import { parsePrivateKey } from "./private_key.ts";

const PASSPHRASE = "open sesame";
const folder = await Deno.makeTempDir({ prefix: "tls-proxy-keys-" });
const { key } = await selfSigned(folder, {
  key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  subject: "/CN=a",
});
const encrypted = await encrypt("aes-256-cbc");
const old = await encrypt("des3");
await Deno.remove(folder, { recursive: true });

function encrypt(cipher: string): Promise<string> {
  const passout = ["-passout", `pass:${PASSPHRASE}`];
  return openssl("pkcs8", "-topk8", "-v2", cipher, ...passout, "-in", `${folder}/made.key`);
}

const SOURCE = { path: "a.key", passphraseFile: "a.pass" };

Deno.test("parsePrivateKey() opens an encrypted key with its passphrase", () => {
  const opened = parsePrivateKey({ pem: encrypted, passphrase: PASSPHRASE }, SOURCE);
  const plain = parsePrivateKey({ pem: key }, SOURCE);
  assert.ok(opened.equals(plain));
  // a key that is not encrypted does not mind one
  assert.ok(parsePrivateKey({ pem: key, passphrase: PASSPHRASE }, SOURCE).equals(plain));
});

const REFUSED: readonly (readonly [pem: string, passphrase: string | undefined, why: string])[] = [
  [encrypted, undefined, "a.key holds an encrypted key, which needs a passphrase_file"],
  [encrypted, "wrong", "the passphrase in a.pass does not open a.key"],
  [
    old,
    PASSPHRASE,
    "a.key is encrypted in a way that cannot be read here; convert it: " +
    "openssl pkcs8 -topk8 -v2 aes-256-cbc -in a.key -out NEW_FILE",
  ],
];

Deno.test("parsePrivateKey() names the kind of a key that only a newer OpenSSL makes", () => {
  const CASES = [[18, "ML-DSA-65"], [20, "SLH-DSA"], [31, "SLH-DSA"]] as const;
  for (const [last, kind] of CASES) {
    // a PrivateKeyInfo (RFC 5958): version, algorithm, key
    const der = Uint8Array.fromHex(
      `3016020100300b06096086480165030403${last.toString(16)}040400000000`,
    );
    assert.throws(
      () => parsePrivateKey({ pem: toPem("PRIVATE KEY", der) }, SOURCE),
      (error) =>
        error instanceof ProxyError && error.message ===
          `Cannot read the key: a.key holds a key that cannot be used here (${kind}); take RSA ` +
            "of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519",
    );
  }
});

Deno.test("parsePrivateKey() says why it cannot open a key, without the passphrase", () => {
  for (const [pem, passphrase, why] of REFUSED) {
    assert.throws(() => parsePrivateKey({ pem, passphrase }, SOURCE), (error) => {
      assert.ok(error instanceof ProxyError);
      assert.equal(error.message, `Cannot read the key: ${why}`);
      assert.doesNotMatch(Deno.inspect(error), /sesame/);
      return true;
    });
  }
});
