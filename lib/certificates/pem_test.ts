import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { cannotRead, derHint, isKeyBlock, pemBlocks } from "./pem.ts";

const SOURCE = { role: "certificate", path: "a.pem" } as const;

function block(label: string, body = "AAAA"): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

Deno.test("pemBlocks() gives the blocks without what stands between them", () => {
  const text = `subject=x\r\n${block("CERTIFICATE", "BB")}\n# a key\n${block("EC PRIVATE KEY")}end`;
  assert.deepEqual(pemBlocks(text, SOURCE), [
    { label: "CERTIFICATE", pem: block("CERTIFICATE", "BB") },
    { label: "EC PRIVATE KEY", pem: block("EC PRIVATE KEY") },
  ]);
  assert.deepEqual(pemBlocks("", SOURCE), []);
  assert.deepEqual(pemBlocks("no PEM at all", SOURCE), []);
});

Deno.test("pemBlocks() refuses a file that ends amid a block, wherever that is", () => {
  const whole = block("CERTIFICATE") + block("CERTIFICATE");
  const second = whole.lastIndexOf("-----BEGIN");
  // a line that is not whole yet begins nothing, but what is behind the first line does
  const begun = whole.indexOf("\n", second);
  for (let at = begun; at < whole.length - 2; at++) {
    assert.throws(
      () => pemBlocks(whole.slice(0, at), SOURCE),
      new ProxyError("bad_config", "Cannot read the certificate: a.pem ends amid a PEM block"),
    );
  }
  assert.equal(pemBlocks(whole, SOURCE).length, 2);
});

Deno.test("isKeyBlock() knows private keys of every form", () => {
  const keyOf = (label: string) => isKeyBlock({ label, pem: "" });
  for (const kind of ["", "RSA ", "EC ", "ENCRYPTED "]) assert.ok(keyOf(`${kind}PRIVATE KEY`));
  for (const label of ["PUBLIC KEY", "CERTIFICATE", "EC PARAMETERS"]) assert.ok(!keyOf(label));
});

Deno.test("derHint() tells what is likely DER", () => {
  const der = new TextDecoder().decode(new Uint8Array([0x30, 0x82, 0x01, 0x0a]));
  assert.match(derHint(der), /must be converted to PEM/);
  assert.equal(derHint("0 is a digit"), "");
});

Deno.test("cannotRead() keeps the cause", () => {
  const cause = new Error("x");
  const error = cannotRead("key", "a.key is gone", { cause });
  assert.equal(error.message, "Cannot read the key: a.key is gone");
  assert.equal(error.cause, cause);
});
