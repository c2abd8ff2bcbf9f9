import assert from "node:assert/strict";
import type { Certificate } from "./certificate.ts";
import { createCertificateStore } from "./certificate_store.ts";

const api = certificate("api", ["api.example.com"]);
const wild = certificate("wild", ["*.Example.com", "example.com", "127.0.0.1"]);
const other = certificate("other", ["other.test", "api.example.com"]);

Deno.test("createCertificateStore() throws RangeError when there is no certificate", () => {
  assert.throws(() => createCertificateStore([]), RangeError);
});

Deno.test("select() prefers exact over wildcard over default", () => {
  const store = createCertificateStore([
    { certificate: wild },
    { certificate: api },
    { certificate: other, default: true },
  ]);
  for (
    const [name, label, match] of [
      ["api.example.com", "api", "exact"],
      ["API.EXAMPLE.COM.", "api", "exact"],
      ["example.com", "wild", "exact"],
      ["www.example.com", "wild", "wildcard"],
      ["WWW.Example.com.", "wild", "wildcard"],
      ["a.www.example.com", "other", "default"],
      [".example.com", "other", "default"],
      ["example.com.evil.test", "other", "default"],
      ["com", "other", "default"],
      ["", "other", "default"],
      [undefined, "other", "default"],
    ] as const
  ) {
    const selected = store.select(name);
    assert.deepEqual([selected.certificate.label, selected.match], [label, match], String(name));
  }
});

Deno.test("select() gives the earlier certificate when two cover a name", () => {
  const store = createCertificateStore([{ certificate: other }, { certificate: api }]);
  assert.deepEqual(store.select("api.example.com"), { certificate: other, match: "exact" });
});

Deno.test("select() gives one that is in force before one that is not", () => {
  const soon = new Date(Date.now() + 3_600_000);
  const before = new Date(Date.now() - 3_600_000);
  const valid = (label: string, names: string[], more: Partial<Certificate> = {}) => ({
    ...certificate(label, names),
    ...{ notBefore: before, notAfter: soon, ...more },
  });
  const old = valid("old", ["api.example.com"], { notAfter: before });
  const early = valid("early", ["api.example.com"], { notBefore: soon });
  const now = valid("now", ["api.example.com"]);
  const star = valid("star", ["*.example.com"]);
  const CASES: readonly (readonly [certificates: Certificate[], given: string, match: string])[] = [
    [[old, early, now], "now", "exact"],
    [[old, star], "star", "wildcard"],
    [[old, early], "old", "exact"],
    [[old], "old", "exact"],
  ];
  for (const [certificates, given, match] of CASES) {
    const store = createCertificateStore(certificates.map((certificate) => ({ certificate })));
    const selected = store.select("api.example.com");
    assert.deepEqual([selected.certificate.label, selected.match], [given, match]);
  }
  const store = createCertificateStore([{ certificate: old, default: true }, { certificate: now }]);
  assert.deepEqual(store.select("other.test"), { certificate: now, match: "default" });
});

Deno.test("select() goes by the entry's hosts when it has some", () => {
  const store = createCertificateStore([
    { certificate: api },
    { certificate: wild, hosts: ["Shop.test", "*.shop.test."] },
  ]);
  assert.equal(store.select("shop.test").certificate, wild);
  assert.equal(store.select("a.shop.test").match, "wildcard");
  assert.equal(store.select("www.example.com").match, "default");
});

Deno.test("select() gives what is there for one that a CA has yet to give", () => {
  const awaited = (name: string) => ({ ...certificate(name, [name]), placeholder: true });
  const [www, alone] = [awaited("www.example.com"), awaited("alone.test")];
  const entries = [api, wild, awaited("api.example.com"), www, alone];
  const store = createCertificateStore(entries.map((certificate) => ({ certificate })));
  assert.deepEqual(store.select("api.example.com"), { certificate: api, match: "exact" });
  assert.deepEqual(store.select("www.example.com"), { certificate: wild, match: "wildcard" });
  assert.deepEqual(store.select("alone.test"), { certificate: alone, match: "exact" });
  const first = createCertificateStore([www, wild].map((certificate) => ({ certificate })));
  assert.equal(first.select(undefined).certificate, wild);
  assert.equal(first.select("none.test").certificate, wild);
});

Deno.test("select() has another stand for the default only where that covers all its names", () => {
  const rsa = { ...certificate("rsa", ["*.example.com", "other.test"]), keyType: "RSA" as const };
  const hello = {
    versions: [0x0303],
    cipherSuites: [0xc02f],
    signatureAlgorithms: [0x0804],
    groups: [29],
  };
  const given = (names: readonly string[], more: Partial<Certificate> = {}) => {
    const byDefault = { ...certificate("default", names), ...more };
    const store = createCertificateStore([{ certificate: byDefault }, { certificate: rsa }]);
    return store.select("unknown.test", hello).certificate.label;
  };
  assert.equal(given(["api.example.com"]), "rsa");
  assert.equal(given(["api.example.com", "other.test"]), "rsa");
  assert.equal(given(["api.example.com", "else.test"]), "default");
  // nobody covers the names of one that has none
  assert.equal(given([]), "default");
});

Deno.test("select() takes the first entry as default when none is marked", () => {
  const store = createCertificateStore([{ certificate: api }, { certificate: other }]);
  assert.equal(store.default, api);
  assert.deepEqual(store.all, [api, other]);
});

Deno.test("select() takes the first of several entries marked as default", () => {
  const store = createCertificateStore([
    { certificate: api },
    { certificate: wild, default: true },
    { certificate: other, default: true },
  ]);
  assert.equal(store.default, wild);
});

function certificate(label: string, names: readonly string[]): Certificate {
  return {
    certPem: "",
    keyPem: "",
    names,
    subject: `CN=${label}`,
    notBefore: new Date(0),
    notAfter: new Date(0),
    keyType: "ECDSA",
    label,
    fingerprint: "",
    digest: "",
  };
}
