import assert from "node:assert/strict";
import { openssl, selfSigned } from "../../tests/support/openssl.ts";
import { ProxyError } from "../core/errors.ts";
import { readAuthorities } from "./trust_files.ts";

const FOLDER = await Deno.makeTempDir({ prefix: "trust_files_test" });
globalThis.addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));
const FILE = `${FOLDER}/ca.pem`;
const P256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const first = (await selfSigned(FOLDER, { key: P256, subject: "/CN=first" })).cert;
const second = (await selfSigned(FOLDER, { key: P256, subject: "/CN=second" })).cert;

Deno.test("readAuthorities() leaves no authority out for its label", async () => {
  const relabelled = second.replaceAll("CERTIFICATE", "X509 CERTIFICATE");
  await Deno.writeTextFile(FILE, `first\n${first}second\n${relabelled}`);
  assert.equal((await readAuthorities(FILE)).pem, first + second);
});

Deno.test("readAuthorities() refuses hints of trust, which it would not heed", async () => {
  await Deno.writeTextFile(FILE, second);
  const hinted = await openssl("x509", "-in", FILE, "-trustout", "-addreject", "clientAuth");
  await Deno.writeTextFile(FILE, first + hinted);
  await assert.rejects(
    readAuthorities(FILE),
    new ProxyError(
      "bad_config",
      `Cannot read the CA: ${FILE} holds a certificate with OpenSSL's hints of trust, which are ` +
        `not heeded here; take them off: openssl x509 -in ${FILE} -out NEW_FILE`,
    ),
  );
});
