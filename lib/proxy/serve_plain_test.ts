import assert from "node:assert/strict";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { encodeRequest } from "../../tests/support/http.ts";
import { ScriptedConnection } from "../../tests/support/scripted_connection.ts";
import { settled } from "../../tests/support/settled.ts";
import { AddressSet } from "../core/address_set.ts";
import { Live } from "../core/live.ts";
import { rateMemory, RateTable } from "../core/rate_table.ts";
import { Deadlines } from "../io/deadlines.ts";
import { ClientAuthRules } from "../tls/client_auth.ts";
import { Compressor } from "./compressor.ts";
import { Passwords } from "./passwords.ts";
import type { Policy } from "./policy.ts";
import { Router } from "./router.ts";
import { servePlain } from "./serve_plain.ts";

const ANSWER = { status: 200, fields: [], body: fromLatin1("x") };

const POLICY: Policy = {
  router: new Router([{
    ...{ hosts: [], paths: [] },
    target: {
      action: { kind: "respond", answer: ANSWER, etag: "" },
      ...{ rules: undefined, bodyLimit: 0 },
    },
  }]),
  errorPages: new Map(),
  certificates: undefined,
  clientAuth: new ClientAuthRules([]),
  limits: {
    ...{ headerBytes: 16_384, headers: 100, streams: 1, body: 0, bodyRate: 0 },
    ...{ connections: 0, connectionsPerIp: 0 },
  },
  forwarded: { trusted: new AddressSet([]), standard: false, via: false },
  timeouts: { header: 60_000, bodyIdle: 60_000, keepAlive: 60_000, tunnelIdle: 60_000 },
};

Deno.test("servePlain() ends what is drained behind the request that has begun", async () => {
  const request = encodeRequest("/", { method: "PUT" });
  // as much of it as may be HTTP/2 yet
  for (const begun of ["", "P"]) {
    const client = new ScriptedConnection();
    const session = servePlain(client, {
      ...{ policy: new Live(POLICY), deadlines: new Deadlines(), observe: () => {} },
      rules: {
        rates: new RateTable(rateMemory()),
        passwords: new Passwords(() => Promise.resolve(false)),
        compressor: new Compressor(),
      },
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
