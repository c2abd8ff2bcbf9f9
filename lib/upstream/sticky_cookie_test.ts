import assert from "node:assert/strict";
import { OWN_COUNTERS } from "../core/counters.ts";
import { Live } from "../core/live.ts";
import { Deadlines } from "../io/deadlines.ts";
import type { RequestChanges } from "../http/message.ts";
import { Member } from "./member.ts";
import { Server } from "./server.ts";
import { newStickyKey, StickyCookie, type StickyKeys } from "./sticky_cookie.ts";
import { WaitingRoom } from "./waiting_room.ts";

const HOUR = 60 * 60 * 1000;

/** A server on this port, which nobody connects to. */
function member(port: number): Member {
  const [load, deadlines] = [OWN_COUNTERS.count(`sticky ${port}`), new Deadlines()];
  const waiting = OWN_COUNTERS.count("sticky waiting");
  const server = new Server({
    backend: "app",
    endpoint: { kind: "tcp", host: "10.1.2.3", port },
    settings: {
      pool: { maxIdle: 0, idleTimeout: 0 },
      health: undefined,
      ejection: { failures: 0, time: 1, maxTime: 1 },
      slowStart: 0,
      proxyProtocol: undefined,
      tls: undefined,
      protocol: "http1",
      limits: { headerBytes: 1024, headers: 10 },
    },
    ...{ load, maxConnections: 0, deadlines, checked: false, observe: () => {} },
    room: new WaitingRoom({ max: 1, timeout: 1, deadlines, waiting, shared: false }),
  });
  return new Member(server, { weight: 1, backup: false, draining: false });
}

const [A, B, C] = [member(8001), member(8002), member(8003)];

function sticky({ backend = "app", key = newStickyKey(), members = [A, B], now = 0 } = {}) {
  const state = { members, now, keys: new Live<StickyKeys>([key]) };
  const cookie = new StickyCookie({
    ...{ backend, cookie: "lb", ttl: HOUR, keys: state.keys },
    members: () => state.members,
    clock: () => state.now,
  });
  /** What a client that was given a server sends back. */
  const pairOf = ({ server }: Member) => cookie.tie(server, true).split(";")[0] ?? "";
  const keptBy = (...lines: string[]) => cookie.read(lines, true);
  return { state, cookie, pairOf, keptBy };
}

Deno.test("StickyCookie knows by the cookie that it has set which server it stands for", () => {
  const { pairOf, keptBy } = sticky();
  for (const member of [A, B]) assert.equal(keptBy(`x=1; ${pairOf(member)}`).member, member);
  assert.equal(keptBy().member, undefined);
  assert.equal(keptBy("lb=", "lb=8001", "lb=10.1.2.3:8001").member, undefined);
  assert.equal(keptBy(`${pairOf(A)}A`).member, undefined);
  assert.equal(keptBy(pairOf(A).toLowerCase()).member, undefined);
  assert.equal(keptBy(pairOf(C)).member, undefined, "a server that is not there");
});

Deno.test("StickyCookie takes the first of several values that stands for a server", () => {
  const { pairOf, keptBy } = sticky();
  assert.equal(keptBy(`lb=forged; ${pairOf(B)}; ${pairOf(A)}`).member, B);
});

Deno.test("StickyCookie says nothing of a server that its key does not hide", () => {
  const { pairOf } = sticky();
  assert.match(pairOf(A), /^lb=[A-Za-z0-9_-]{22}$/);
  assert.notEqual(pairOf(A), pairOf(B));
  assert.notEqual(pairOf(A), sticky().pairOf(A), "the same for another key");
  const key = newStickyKey();
  const [app, api] = ["app", "api"].map((backend) => sticky({ backend, key }).pairOf(A));
  assert.notEqual(app, api, "the same for another backend");
});

Deno.test("StickyCookie goes by what servers are, not by their order", () => {
  const { state, pairOf, keptBy } = sticky();
  const pair = pairOf(B);
  state.members = [C, B, A];
  assert.equal(keptBy(pair).member, B);
  state.members = [A, C];
  assert.equal(keptBy(pair).member, undefined);
  state.members = [B];
  assert.equal(keptBy(pair).member, B);
});

Deno.test("StickyCookie takes another key at once, and renews by it what it takes by others", () => {
  const [key, next] = [newStickyKey(), newStickyKey()];
  const { state, pairOf, keptBy } = sticky({ key });
  const pair = pairOf(A);
  assert.equal(keptBy(pair).answerChanges(undefined, A.server), undefined);
  state.keys.replace([next, key]);
  assert.equal(keptBy(pair).member, A);
  assert.notEqual(keptBy(pair).answerChanges(undefined, A.server), undefined);
  state.keys.replace([next]);
  assert.equal(keptBy(pair).member, undefined);
  assert.equal(keptBy(pairOf(A)).member, A);
});

/** Minutes since a cookie was set, 10 minutes into a half of an hour. */
const AGES: readonly [minutes: number, kept: boolean, isSetAnew: boolean][] = [
  [0, true, false],
  [19, true, false],
  [20, true, true],
  [60, true, true],
  [79, true, true],
  [80, false, true],
  // the clock of another replica is ahead
  [-1, true, false],
  [-11, true, false],
  [-41, false, true],
];

Deno.test("StickyCookie renews what is older than half of its time, and takes it to its end", () => {
  for (const [minutes, kept, isSetAnew] of AGES) {
    const { state, pairOf, keptBy } = sticky({ now: 100.5 * HOUR + 10 * 60_000 });
    const pair = pairOf(A);
    state.now += minutes * 60_000;
    const read = keptBy(pair);
    assert.equal(read.member, kept ? A : undefined, `after ${minutes} minutes`);
    const told = read.answerChanges(undefined, A.server);
    assert.equal(told !== undefined, isSetAnew, `after ${minutes} minutes`);
  }
});

Deno.test("KeptServer.answerChanges() sets the cookie where the client's names another", () => {
  const { cookie, pairOf, keptBy } = sticky();
  const rules = { remove: new Set(["server"]), add: [{ name: "X-A", value: "1" }] };
  assert.equal(keptBy(pairOf(A)).answerChanges(rules, A.server), rules);
  for (const line of ["", "lb=forged", pairOf(B)]) {
    assert.deepEqual(keptBy(line).answerChanges(rules, A.server), {
      remove: rules.remove,
      add: [...rules.add, { name: "Set-Cookie", value: cookie.tie(A.server, true) }],
    });
  }
  const [added] = cookie.read([], false).answerChanges(undefined, A.server)?.add ?? [];
  assert.equal(added?.value, cookie.tie(A.server, true).replace(" Secure;", ""));
});

Deno.test("KeptServer.requestChanges() keeps the cookie, and no other, from servers", () => {
  const { pairOf, keptBy } = sticky();
  const added = [{ name: "X-A", value: "1" }];
  const rules: RequestChanges = { path: "/x", host: "h", remove: new Set(["x-b"]), add: added };
  assert.equal(keptBy("x=1").requestChanges(rules), rules);
  assert.equal(keptBy("x=1").requestChanges(undefined), undefined);
  assert.deepEqual(keptBy("x=1; lb=forged; y=2", pairOf(A), "z=3").requestChanges(rules), {
    path: "/x",
    host: "h",
    remove: new Set(["x-b", "cookie"]),
    add: [{ name: "Cookie", value: "x=1; y=2" }, { name: "Cookie", value: "z=3" }, ...added],
  });
  assert.deepEqual(keptBy(pairOf(A)).requestChanges(undefined), {
    path: undefined,
    host: undefined,
    remove: new Set(["cookie"]),
    add: [],
  });
  // a rule has taken all cookies away already
  const none: RequestChanges = { path: undefined, remove: new Set(["cookie"]), add: added };
  assert.equal(keptBy(pairOf(A)).requestChanges(none), none);
});
