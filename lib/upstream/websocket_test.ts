import assert from "node:assert/strict";
import { acceptOf, asksWebSocket } from "./websocket.ts";

Deno.test("acceptOf() proves what the RFC's example does", () => {
  assert.equal(acceptOf("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

Deno.test("asksWebSocket() is for GET with the protocol, however it is spelled", () => {
  const cases: readonly [method: string, upgrade: readonly string[] | undefined, asks: boolean][] =
    [
      ["GET", ["websocket"], true],
      ["GET", ["foo/1", "WebSocket"], true],
      ["GET", ["websocket2"], false],
      ["GET", undefined, false],
      ["POST", ["websocket"], false],
    ];
  for (const [method, upgrade, asks] of cases) {
    assert.equal(asksWebSocket({ method, upgrade }), asks, `${method} ${upgrade}`);
  }
});
