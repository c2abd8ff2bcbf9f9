import assert from "node:assert/strict";
import { field } from "../http/field.ts";
import { keepsAlive } from "./persistence.ts";

/** RFC 9112, section 9.3. */
const CASES: readonly [minor: 0 | 1, connection: readonly string[], keptAlive: boolean][] = [
  [1, [], true],
  [1, ["keep-alive"], true],
  [1, ["close"], false],
  [1, ["Close"], false],
  [1, ["x-a, close"], false],
  [1, ["x-a", "close"], false],
  [1, ["keep-alive, close"], false],
  [1, ["closed"], true],
  [0, [], false],
  [0, ["keep-alive"], true],
  [0, ["Keep-Alive"], true],
  [0, ["close"], false],
  [0, ["keep-alive", "close"], false],
  [0, ["keepalive"], false],
];

for (const [minor, connection, keptAlive] of CASES) {
  const lines = connection.map((value) => `Connection: ${value}`).join(" and ") || "no Connection";
  Deno.test(`keepsAlive() is ${keptAlive} for HTTP/1.${minor} with ${lines}`, () => {
    const fields = connection.map((value) => field("Connection", value));
    assert.equal(keepsAlive({ minor, fields }), keptAlive);
  });
}
