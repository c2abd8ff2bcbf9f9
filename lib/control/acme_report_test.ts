import assert from "node:assert/strict";
import type { AcmeStatus } from "../acme/manager.ts";
import { acmeFamilies, acmeReport } from "./acme_report.ts";

const HELD: AcmeStatus = {
  names: ["a.test", "www.a.test"],
  notAfter: Date.UTC(2030, 0, 2),
  due: Date.UTC(2030, 0, 1),
  failures: 0,
  reason: "",
};
const FAILED: AcmeStatus = {
  names: ["b.test"],
  notAfter: undefined,
  due: Date.UTC(2029, 0, 1),
  failures: 2,
  reason: "b.test: no valid A records",
};

Deno.test("acmeReport() tells what is held, when it is asked for, and the CA's words", () => {
  assert.deepEqual(acmeReport([HELD, FAILED]), [
    {
      ...HELD,
      notAfter: "2030-01-02T00:00:00.000Z",
      due: "2030-01-01T00:00:00.000Z",
    },
    { ...FAILED, due: "2029-01-01T00:00:00.000Z" },
  ]);
});

Deno.test("acmeFamilies() is by the first name, and nothing without ACME", () => {
  assert.deepEqual(acmeFamilies([]), []);
  const told = acmeFamilies([HELD, FAILED]).map(({ name, samples }) => [
    name,
    samples.map(({ labels, value }) => [labels, value]),
  ]);
  const [a, b] = [{ certificate: "a.test" }, { certificate: "b.test" }];
  assert.deepEqual(told, [
    ["tls_proxy_acme_certificate_held", [[a, 1], [b, 0]]],
    ["tls_proxy_acme_due_timestamp_seconds", [[a, HELD.due / 1000], [b, FAILED.due / 1000]]],
    ["tls_proxy_acme_failures", [[a, 0], [b, 2]]],
  ]);
});
