import assert from "node:assert/strict";
import { paperCertificate } from "../../tests/support/loaded_config.ts";
import { createCertificateStore } from "../certificates/certificate_store.ts";
import { isMisdirected } from "./misdirected.ts";

const a = paperCertificate(["a.test"]);
const wild = paperCertificate(["*.b.test"]);
const address = paperCertificate(["c.test", "192.0.2.1"]);
const [rsa, ecdsa] = ["rsa", "ecdsa"].map((label) => paperCertificate(["internal"], { label }));
const store = createCertificateStore([
  { certificate: a },
  { certificate: wild },
  { certificate: address },
  ...[rsa, ecdsa].flatMap((certificate) =>
    certificate === undefined ? [] : [{ certificate, hosts: ["d.test"] }]
  ),
]);

const CASES = [
  [a, "a.test", false],
  [a, "x.b.test", true],
  [a, "c.test", true],
  [wild, "x.b.test", false],
  [wild, "y.b.test", false],
  [wild, "a.test", true],
  // another connection would do no better
  [a, "nobody", false],
  [a, "x.y.b.test", false],
  [a, undefined, false],
  [undefined, "a.test", false],
  // no handshake names an address
  [a, "192.0.2.1", false],
  // either is for the name, whatever is in it
  [rsa, "d.test", false],
  [ecdsa, "d.test", false],
  [rsa, "a.test", true],
] as const;

Deno.test("isMisdirected() is for a host that another certificate alone is for", () => {
  for (const [given, host, misdirected] of CASES) {
    assert.equal(isMisdirected(host, given, store), misdirected, `${given?.label} ${host}`);
  }
});

Deno.test("isMisdirected() takes a renewed certificate for the one it follows", () => {
  const renewed = { ...a, fingerprint: "renewed", names: ["other.test"] };
  const after = createCertificateStore([
    { certificate: renewed, hosts: ["a.test", "old.test"] },
    { certificate: wild },
  ]);
  assert.equal(isMisdirected("old.test", a, after), false);
});

Deno.test("isMisdirected() is not for a host that its own certificate covers, too", () => {
  const both = paperCertificate(["a.test", "e.test"], { label: "both" });
  const own = createCertificateStore([
    { certificate: a },
    { certificate: both, hosts: ["e.test"] },
  ]);
  assert.equal(isMisdirected("a.test", both, own), false);
  assert.equal(isMisdirected("e.test", a, own), true);
});

Deno.test("isMisdirected() is never so with one certificate, or none", () => {
  const alone = createCertificateStore([{ certificate: a }]);
  for (const host of ["a.test", "b.test"]) {
    assert.equal(isMisdirected(host, a, alone), false);
    assert.equal(isMisdirected(host, a, undefined), false);
  }
});
