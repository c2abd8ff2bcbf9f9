import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { cannotRead, derHint, derOf, isKeyBlock, pemBlocks, toPem } from "./pem.ts";

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

Deno.test("pemBlocks() takes as long as a text is, also where all blocks are begun in it", () => {
  // hours, where each is looked for the end of
  const text = "-----BEGIN CERTIFICATE-----\n".repeat(2 ** 20);
  assert.throws(() => pemBlocks(text, SOURCE), { message: /ends amid a PEM block/ });
});

Deno.test("pemBlocks() takes blanks and empty lines out of a block, but for those of headers", () => {
  const clean = block("CERTIFICATE", "AAAA\nBBBB");
  for (
    const [from, to] of [[/$/gm, "  "], [/^/gm, "\t"], [/\n/g, "\n\n"], [/\n/g, "\r\n"]] as const
  ) {
    assert.deepEqual(pemBlocks(clean.replace(from, to), SOURCE), [
      { label: "CERTIFICATE", pem: clean },
    ]);
  }
  const encrypted = block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA");
  const [found] = pemBlocks(encrypted.replaceAll("\n", " \n"), SOURCE);
  assert.equal(found?.pem, encrypted);
});

Deno.test("pemBlocks() refuses lines that are meant to begin a block, rather than leave it out", () => {
  const CASES = [
    "----BEGIN CERTIFICATE----",
    "-----BEGIN CERTIFICATE----",
    "-----begin certificate-----",
    "-----Begin Certificate-----",
    "  -----BEGIN CERTIFICATE -----x".replace(" -----x", "--"),
    "\u2014\u2014\u2014BEGIN CERTIFICATE\u2014\u2014\u2014",
    "----- BEGIN CERTIFICATE -----",
    "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
  ];
  for (const line of CASES) {
    const text = `${block("CERTIFICATE")}${line}\nAAAA\n-----END CERTIFICATE-----\n`;
    assert.throws(
      () => pemBlocks(text, SOURCE),
      { message: /: line 4 of a\.pem begins no PEM / },
      line,
    );
  }
  assert.equal(pemBlocks(`# BEGIN CERTIFICATE of a\n${block("CERTIFICATE")}`, SOURCE).length, 1);
});

Deno.test("toPem() writes what derOf() reads", () => {
  for (const length of [0, 1, 47, 48, 49, 96, 1000]) {
    const der = new Uint8Array(length).fill(7);
    const pem = toPem("CERTIFICATE", der);
    assert.ok(pem.split("\n").every((line) => line.length <= 64));
    assert.deepEqual(derOf({ label: "CERTIFICATE", pem }), der);
  }
  assert.equal(derOf({ label: "A", pem: block("A", "Proc-Type: 4,ENCRYPTED\n\nAAAA") }), undefined);
});

Deno.test("isKeyBlock() knows private keys of every form", () => {
  const keyOf = (label: string) => isKeyBlock({ label, pem: "" });
  for (const kind of ["", "RSA ", "EC ", "ENCRYPTED "]) assert.ok(keyOf(`${kind}PRIVATE KEY`));
  for (const label of ["PUBLIC KEY", "CERTIFICATE", "EC PARAMETERS"]) assert.ok(!keyOf(label));
});

Deno.test("derHint() tells what is likely DER", () => {
  const read = (...bytes: number[]) => new TextDecoder().decode(Uint8Array.from(bytes));
  const source = { path: "a.der", tool: "pkey" } as const;
  const hint = derHint(read(0x30, 0x82, 0x01, 0x0a, 0x02, 0x01, 0x00), source);
  assert.match(hint, /looks like DER, convert it: openssl pkey -inform DER -in a\.der -out NEW$/);
  // the beginnings of an Ed25519 key (PKCS#8) and of one on P-256 (SEC1)
  for (const bytes of [[0x30, 0x2e, 2, 1, 0, 0x30, 5], [0x30, 0x77, 2, 1, 1, 4, 0x20]]) {
    const short = derHint(read(...bytes), source);
    assert.match(short, /looks like DER, convert it: openssl pkey -inform DER/);
  }
  for (const length of [[0x09, 0xff], [0xc3, 0xa9], [0x8a, 0x01]]) {
    const container = derHint(read(0x30, 0x82, ...length, 0x02, 0x01, 0x03, 0x30), source);
    assert.match(container, /looks like PKCS#12, .*: openssl pkcs12 -nodes -in a\.der -out NEW$/);
  }
  assert.equal(derHint("0 is a digit", source), "");
  const utf16 = Uint8Array.from([..."\ufeff-----BEGIN"].flatMap((c) => [c.charCodeAt(0) & 255, 0]));
  assert.match(derHint(new TextDecoder().decode(utf16), source), /looks like UTF-16/);
});

Deno.test("cannotRead() keeps the cause", () => {
  const cause = new Error("x");
  const error = cannotRead("key", "a.key is gone", { cause });
  assert.equal(error.message, "Cannot read the key: a.key is gone");
  assert.equal(error.cause, cause);
});
