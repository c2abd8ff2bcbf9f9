import assert from "node:assert/strict";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { encodeRequest } from "../../tests/support/http.ts";
import { ScriptedConnection } from "../../tests/support/scripted_connection.ts";
import { scriptedPolicy, scriptedRules } from "../../tests/support/scripted_policy.ts";
import { settled } from "../../tests/support/settled.ts";
import { Live } from "../core/live.ts";
import { Deadlines } from "../io/deadlines.ts";
import { servePlain } from "./serve_plain.ts";

const ANSWER = { status: 200, fields: [], body: fromLatin1("x") };

const POLICY = scriptedPolicy({ action: { kind: "respond", answer: ANSWER, etag: "" } });

Deno.test("servePlain() ends what is drained behind the request that has begun", async () => {
  const request = encodeRequest("/", { method: "PUT" });
  // as much of it as may be HTTP/2 yet
  for (const begun of ["", "P"]) {
    const client = new ScriptedConnection();
    const session = servePlain(client, {
      ...{ policy: new Live(POLICY), deadlines: new Deadlines(), observe: () => {} },
      rules: scriptedRules(),
    });
    if (begun !== "") client.push(fromLatin1(begun));
    await settled();
    session.drain();
    if (begun !== "") client.push(fromLatin1(request.slice(begun.length)));
    await settled();
    if (begun === "") assert.equal(client.sentText, "");
    else assert.match(client.sentText, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n\r\nx$/);
    // which may have asked for more by then
    if (begun !== "") client.push(undefined);
    await settled();
    assert.ok(client.closed);
    await session.done;
  }
});
