import assert from "node:assert/strict";
import { OWN_COUNTERS } from "../lib/core/counters.ts";
import { Deadlines } from "../lib/io/deadlines.ts";
import { serveHttp1 } from "../lib/proxy/http1_session.ts";
import type { Backend } from "../lib/upstream/backend.ts";
import { Http1Connection } from "../lib/upstream/http1_connection.ts";
import { Server } from "../lib/upstream/server.ts";
import { WaitingRoom } from "../lib/upstream/waiting_room.ts";
import { fromLatin1 } from "./support/connection.ts";
import { encodeAnswer, encodeRequest } from "./support/http.ts";
import { ScriptedConnection } from "./support/scripted_connection.ts";
import { scriptedPolicy, scriptedSession } from "./support/scripted_policy.ts";
import { settled } from "./support/settled.ts";

/**
 * A server may answer before it has read the request. The end of the request is then still to be
 * written, from the buffer that the client's next bytes are read into: with the connection going
 * on, bytes of one request ended up in another. Real sockets show it once in a hundred times, so
 * this is played with connections of its own.
 */
Deno.test("an exchange keeps no connection alive while a part of the request is unwritten", async () => {
  const deadlines = new Deadlines();
  const limits = { headerBytes: 16_384, headers: 100 };
  const server = new Server({
    backend: "b",
    endpoint: { kind: "tcp", host: "192.0.2.2", port: 2 },
    settings: {
      pool: { maxIdle: 1, idleTimeout: 60_000 },
      health: undefined,
      ejection: { failures: 0, time: 1, maxTime: 1 },
      slowStart: 0,
      proxyProtocol: undefined,
      tls: undefined,
      protocol: "http1",
      limits,
    },
    load: OWN_COUNTERS.count("load"),
    maxConnections: 0,
    checked: true,
    room: new WaitingRoom({
      ...{ max: 0, timeout: 1, deadlines, shared: false },
      waiting: OWN_COUNTERS.count("waiting"),
    }),
    deadlines,
    observe: () => {},
  });
  let pooled = 0;
  const far = new ScriptedConnection();
  const home = { mayPool: true, put: () => void pooled++ };
  const backend = {
    name: "b",
    responseTimeout: 60_000,
    answerIdle: 60_000,
    claim: () => server,
    reached: () => {},
    open: () =>
      Promise.resolve(new Http1Connection(far, { home, limits, deadline: deadlines.watch() })),
  } as unknown as Backend;
  const policy = scriptedPolicy({ action: { kind: "backend", backend } });

  const client = new ScriptedConnection();
  const session = serveHttp1(client, scriptedSession(policy, { deadlines }));
  // the head is taken, then nothing more; and the body is answered as soon as it is there to be sent
  far.takes = (text) => {
    if (text.startsWith("POST ")) return true;
    far.push(fromLatin1(encodeAnswer("early")));
    return false;
  };
  const body = "x".repeat(1000);
  const fields = [`Content-Length: ${body.length}`];
  client.push(fromLatin1(encodeRequest("/", { method: "POST", fields })));
  await settled();
  client.push(fromLatin1(body));
  await settled();
  assert.match(client.sentText, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n[^]*early$/);
  assert.match(far.sentText, /^POST [^]*\r\n\r\n$/, "the head; the body is stuck");
  assert.ok(client.ended);
  assert.equal(pooled, 0);
  assert.ok(far.closed);
  client.push(undefined);
  await session.done;
  assert.ok(client.closed);
});
