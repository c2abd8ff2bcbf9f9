import assert from "node:assert/strict";
import { createCertificateStore, liveCertificateStore } from "../certificates/certificate_store.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { identityOf, MAX_NAMES } from "./listener_identity.ts";

/** As much of a certificate as matters here. */
function certificate(name: string): Certificate {
  return {
    certPem: `${name} cert`,
    keyPem: `${name} key`,
    names: [name],
  } as unknown as Certificate;
}

const A = certificate("a.test");
const B = certificate("b.test");
const TWO = createCertificateStore([{ certificate: A }, { certificate: B }]);
const ONE = createCertificateStore([{ certificate: A }]);

/** Asks as the runtime does, or as one does that has a public way. */
function ask(
  { listenOptions }: ReturnType<typeof identityOf>,
  name: string,
  way: string | symbol | undefined = Object.getOwnPropertySymbols(listenOptions)[0],
): string {
  const resolve = Reflect.get(listenOptions, way ?? "") as (name: string) => unknown;
  return (resolve(name) as { cert: string }).cert;
}

const never = () => assert.fail("There is room");

Deno.test("identityOf() one certificate is that certificate, until the store has another", () => {
  const store = liveCertificateStore(ONE);
  const identity = identityOf(store, never);
  assert.deepEqual(identity.listenOptions, { cert: "a.test cert", key: "a.test key" });
  assert.equal(identity.certificate, A);
  assert.equal(identity.isCurrent(), true);
  // read again, and the same
  store.replace(createCertificateStore([{ certificate: certificate("a.test") }]));
  assert.equal(identity.isCurrent(), true);
  for (const next of [createCertificateStore([{ certificate: B }]), TWO]) {
    store.replace(next);
    assert.equal(identity.isCurrent(), false);
  }
});

Deno.test("identityOf() several certificates goes by the name, until the store is replaced", () => {
  const store = liveCertificateStore(TWO);
  const identity = identityOf(store, never);
  assert.equal(identity.certificate, undefined);
  const given = ["a.test", "b.test", "", "nobody"].map((name) => ask(identity, name));
  assert.deepEqual(given, ["a.test cert", "b.test cert", "a.test cert", "a.test cert"]);
  assert.equal(ask(identity, "b.test", "resolveCertificate"), "b.test cert");
  assert.equal(identity.isCurrent(), true);
  store.replace(createCertificateStore([{ certificate: A }, { certificate: B }]));
  assert.equal(identity.isCurrent(), false);
});

Deno.test("identityOf() asks to be replaced whenever so many names were asked for", () => {
  let full = 0;
  const identity = identityOf(TWO, () => full++);
  for (let i = 1; i < MAX_NAMES; i++) ask(identity, `${i}.test`);
  assert.deepEqual([full, identity.isCurrent()], [0, true]);
  ask(identity, "one more");
  assert.deepEqual([full, identity.isCurrent()], [1, false]);
  for (let i = 0; i < MAX_NAMES; i++) ask(identity, `${i}.again.test`);
  assert.equal(full, 2);
});
