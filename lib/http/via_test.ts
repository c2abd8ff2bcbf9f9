import assert from "node:assert/strict";
import { viaField } from "./via.ts";

Deno.test("viaField() appends this proxy to those before, with the version received (RFC 9110 7.6.3)", () => {
  assert.equal(viaField([], 1).value, "1.1 tls-proxy");
  assert.equal(
    viaField(["1.0 fred, 1.1 p.example", "2 q"], 0).value,
    "1.0 fred, 1.1 p.example, 2 q, 1.0 tls-proxy",
  );
  assert.equal(viaField(["", "2 q", ""], 1).value, "2 q, 1.1 tls-proxy");
  assert.equal(viaField([""], 1).value, "1.1 tls-proxy");
});
