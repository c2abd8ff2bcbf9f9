import assert from "node:assert/strict";
import { clientCertFields } from "./client_cert.ts";

Deno.test("clientCertFields() writes byte sequences, the client's own apart (RFC 9440 2)", () => {
  const [a, b, c] = [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(251, 255, 191)];
  assert.equal(clientCertFields([]), undefined);
  assert.deepEqual(clientCertFields([a]), { certificate: ":AQI=:", chain: undefined });
  assert.deepEqual(clientCertFields([a, b, c]), {
    certificate: ":AQI=:",
    chain: ":Aw==:, :+/+/:",
  });
});
