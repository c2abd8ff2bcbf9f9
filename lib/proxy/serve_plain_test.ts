import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { pause } from "../../tests/support/deadline.ts";
import { encodeRequest } from "../../tests/support/http.ts";
import { ScriptedConnection } from "../../tests/support/scripted_connection.ts";
import { ScriptedDeadlines, ScriptedServer } from "../../tests/support/scripted_exchange.ts";
import {
  scriptedPolicy,
  scriptedRules,
  scriptedSession,
} from "../../tests/support/scripted_policy.ts";
import { settled } from "../../tests/support/settled.ts";
import type { ProxyEvent } from "../core/event.ts";
import { PREFACE } from "../http2/wire.ts";
import { Deadline, Deadlines } from "../io/deadlines.ts";
import { afterRequest } from "../io/turns.ts";
import type { Backend } from "../upstream/backend.ts";
import type { Server } from "../upstream/server.ts";
import type { RouteRules } from "./route_rules.ts";
import { servePlain } from "./serve_plain.ts";

const ANSWER = { status: 200, fields: [], body: fromLatin1("x") };

const ACTION = { kind: "respond", answer: ANSWER, etag: "" } as const;
const POLICY = scriptedPolicy({ action: ACTION });

Deno.test("servePlain() ends what is drained behind its first request", async () => {
  const request = encodeRequest("/", { method: "PUT" });
  // nothing of it, and as much as may be HTTP/2 yet
  for (const begun of ["", "P"]) {
    const client = new ScriptedConnection();
    const session = servePlain(client, scriptedSession(POLICY));
    if (begun !== "") client.push(fromLatin1(begun));
    await settled();
    session.drain();
    client.push(fromLatin1(request.slice(begun.length)));
    await settled();
    assert.match(client.sentText, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n\r\nx$/);
    // which may have asked for more by then
    client.push(undefined);
    await settled();
    assert.ok(client.closed);
    await session.done;
  }
});

Deno.test("servePlain() ends what is drained and asks for nothing", async () => {
  const client = new ScriptedConnection();
  const session = servePlain(
    client,
    scriptedSession(scriptedPolicy({ action: ACTION }, { header: 100 })),
  );
  await settled();
  session.drain();
  await session.done;
  assert.equal(client.sentText, "");
  assert.ok(client.closed);
});

Deno.test("servePlain() tells of a connection's time from its beginning on", async () => {
  for (const begun of [encodeRequest("/"), PREFACE, undefined]) {
    const client = new ScriptedConnection();
    const deadlines = new SteppedDeadlines();
    const ends: number[] = [];
    const observe = (event: ProxyEvent) => {
      if (event.kind === "connection_end") ends.push(event.durationMs);
    };
    const session = servePlain(client, scriptedSession(POLICY, { deadlines, observe }));
    const began = performance.now();
    await pause(20);
    const waited = performance.now() - began;
    if (begun === undefined) deadlines.pass(POLICY.timeouts.header);
    else client.push(typeof begun === "string" ? fromLatin1(begun) : begun);
    client.push(undefined);
    for (let minute = 0; minute < 3; minute++) {
      await settled();
      deadlines.pass(60_000);
    }
    await session.done;
    assert.equal(ends.length, 1);
    assert.ok((ends[0] ?? 0) >= waited, `${ends[0]} ms, of which ${waited} without a word`);
  }
});

Deno.test("servePlain() lets others have turns amid requests that come at once", async () => {
  const REQUESTS = 500;
  const client = new ScriptedConnection();
  const session = servePlain(client, scriptedSession(POLICY));
  let turns = 0;
  let goesOn = true;
  const count = () => {
    turns++;
    if (goesOn) setImmediate(count);
  };
  setImmediate(count);
  client.push(fromLatin1(encodeRequest("/").repeat(REQUESTS)));
  client.push(undefined);
  await session.done;
  goesOn = false;
  assert.equal(client.sentText.match(/HTTP\/1\.1 200 /g)?.length, REQUESTS);
  assert.ok(turns >= REQUESTS / 16, `${turns} turns for ${REQUESTS} requests`);
});

Deno.test("servePlain() serves one more of many that have come where it is drained amid them", async () => {
  const client = new ScriptedConnection();
  const session = servePlain(client, scriptedSession(POLICY));
  client.push(fromLatin1(encodeRequest("/").repeat(20)));
  // as many as go in one turn are served, and those behind them wait
  await new Promise<void>((resolve) => setImmediate(resolve));
  session.drain();
  client.push(undefined);
  await session.done;
  const answers = client.sentText.split(/(?=HTTP\/1\.1 200 )/);
  assert.ok(answers.length < 20, `${answers.length} answers`);
  assert.match(answers.at(-1) ?? "", /\r\nConnection: close\r\n/);
  for (const answer of answers.slice(0, -1)) assert.doesNotMatch(answer, /Connection: close/);
});

Deno.test("servePlain() waits for a request where one was read before its turn came", async () => {
  const checked = Promise.withResolvers<boolean>();
  const client = new ScriptedConnection();
  const time = new ScriptedDeadlines();
  const policy = scriptedPolicy({ action: ACTION, rules: LOGIN });
  const rules = scriptedRules(() => checked.promise);
  const { deadlines } = time;
  const session = servePlain(client, scriptedSession(policy, { rules, deadlines }));
  client.push(fromLatin1(encodeRequest("/", { fields: LOGGING_IN })));
  await settled();
  // a client is read while it waits for long: what comes then waits for the answer, and for a turn
  const next = encodeRequest("/");
  client.push(fromLatin1(next.slice(0, 10)));
  for (let look = 0; look < 2; look++) {
    for (const { play } of time.actions()) play();
    await settled();
  }
  assert.equal(client.bytes.read, encodeRequest("/", { fields: LOGGING_IN }).length + 10);
  for (let others = 0; others < 20; others++) afterRequest(() => {});
  checked.resolve(false);
  while (!client.sentText.includes("401")) await Promise.resolve();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  client.push(fromLatin1(next.slice(10)));
  // behind its turn
  await new Promise<void>((resolve) => afterRequest(resolve));
  await settled();
  assert.equal(client.sentText.match(/HTTP\/1\.1 401 /g)?.length, 2);
  session.drain();
  await settled();
  assert.ok(client.closed || client.ended);
  client.push(undefined);
  await session.done;
});

const LOGGING_IN = ["Authorization: Basic dTpw"];

Deno.test("servePlain() lets a client send its body to the end behind an answer", async () => {
  for (const [every, from, to] of [[1, 30, 32], [2, 30, 32], [0, 2, 4], [10, 2, 4]] as const) {
    const { session, client, closedAfter } = await answered();
    assert.match(client.sentText, /\r\nConnection: close\r\n\r\nx$/);
    const seconds = await closedAfter(every);
    assert.ok(seconds >= from && seconds <= to, `every ${every} s: closed after ${seconds} s`);
    await session.done;
  }
  const { session, closedAfter } = await answered();
  session.drain();
  const seconds = await closedAfter(1);
  assert.ok(seconds <= 4, `drained: closed after ${seconds} s`);
});

Deno.test("servePlain() does so behind the answer that the body is too large", async () => {
  const small = { ...POLICY, limits: { ...POLICY.limits, body: 999 } };
  for (const [policy, length, from, to] of [[small, "1000", 30, 32], [small, "x", 2, 4]] as const) {
    const { session, client, closedAfter } = await answered(policy, length);
    assert.match(client.sentText, length === "x" ? /^HTTP\/1\.1 400 / : /^HTTP\/1\.1 413 /);
    const seconds = await closedAfter(1);
    assert.ok(seconds >= from && seconds <= to, `${length}: closed after ${seconds} s`);
    await session.done;
  }
});

Deno.test("servePlain() waits no longer behind the answer that the body has come too slowly", async () => {
  const stream = new ScriptedServer();
  const server = {
    streamsFor: () => ({ take: () => stream }),
    leave: () => {},
  } as unknown as Server;
  const backend = { name: "b", claim: () => server } as unknown as Backend;
  const policy = scriptedPolicy({ action: { kind: "backend", backend } }, { bodyIdle: 5_000 });
  const { session, client, deadlines, closedAfter } = await answered(policy);
  // the server has the head
  for (const { play } of stream.actions().slice(0, 1)) play();
  deadlines.pass(6_000);
  await settled();
  assert.match(client.sentText, /^HTTP\/1\.1 408 /);
  const seconds = await closedAfter(1);
  assert.ok(seconds <= 4, `closed after ${seconds} s`);
  await session.done;
});

/** A connection whose request was answered before any of its body came, unless by a server. */
async function answered(policy = POLICY, length = "1000") {
  const client = new ScriptedConnection();
  const deadlines = new SteppedDeadlines();
  const session = servePlain(client, scriptedSession(policy, { deadlines }));
  client.push(fromLatin1(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`));
  await settled();
  /** Seconds until it is closed, with a piece of the body every so often; 60 where it is not. */
  const closedAfter = async (every: number) => {
    let seconds = 0;
    for (; seconds < 60 && !client.closed; seconds++) {
      if (every > 0 && seconds % every === 0) client.push(fromLatin1("y"));
      await settled();
      deadlines.pass(1000);
    }
    return seconds;
  };
  return { session, client, deadlines, closedAfter };
}

/** A clock that the test moves. */
class SteppedDeadlines extends Deadlines {
  readonly #watched: Deadline[] = [];

  override watch(): Deadline {
    const deadline = new Deadline(this, () => {});
    this.#watched.push(deadline);
    return deadline;
  }

  pass(ms: number): void {
    this.now += ms;
    for (const deadline of this.#watched) deadline.expireIfDue();
  }
}

/** Asks for a password that is checked where `u` says one. */
const LOGIN: RouteRules = {
  ...{ deny: undefined, allow: undefined, rate: undefined, stripPrefix: undefined },
  ...{ host: undefined, requestFields: undefined, answerFields: undefined, compress: false },
  login: { hashes: new Map([["u", "a hash"]]), realm: "r" },
};
