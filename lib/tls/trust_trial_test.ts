import assert from "node:assert/strict";
import { createTestAuthority } from "../../tests/support/authority.ts";
import { crlRefusal, isCrlOutdated, serverTlsRefusal } from "./trust_trial.ts";

Deno.test("crlRefusal() finds the list that is damaged", async () => {
  const authority = await createTestAuthority();
  const crl = await Deno.readTextFile(await authority.revoke());
  const damaged = crl.replace(/\n.{10}/, "\nAAAAAAAAAA");
  assert.equal(crlRefusal(crl), undefined);
  assert.equal(crlRefusal(crl + crl), undefined);
  assert.equal(crlRefusal(damaged), "list 1 of it is damaged");
  assert.equal(crlRefusal(crl + damaged), "list 2 of it is damaged");
});

Deno.test("isCrlOutdated() is so once the next list is due", async () => {
  const authority = await createTestAuthority();
  const fresh = await Deno.readTextFile(await authority.revoke());
  assert.equal(isCrlOutdated(fresh), false);
  const old = await Deno.readTextFile(await authority.outdatedList());
  assert.equal(isCrlOutdated(old), true);
  assert.equal(isCrlOutdated(fresh + old), true);
});

Deno.test("serverTlsRefusal() refuses a key that is not the certificate's", async () => {
  const authority = await createTestAuthority();
  const [a, b] = await Promise.all(["/CN=a", "/CN=b"].map(async (subject) => {
    const { cert, key } = await authority.issue({ subject });
    return { certPem: await Deno.readTextFile(cert), keyPem: await Deno.readTextFile(key) };
  }));
  assert.ok(a !== undefined && b !== undefined);
  const tls = { ca: undefined, name: undefined, verify: true, digest: "" };
  assert.equal(serverTlsRefusal({ ...tls, shown: a }), undefined);
  assert.match(serverTlsRefusal({ ...tls, shown: { ...a, keyPem: b.keyPem } }) ?? "", /mismatch/);
});
