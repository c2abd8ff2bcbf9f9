import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { OWN_COUNTERS } from "../core/counters.ts";
import { Deadlines } from "../io/deadlines.ts";
import { ProxyError } from "../core/errors.ts";
import { WaitingRoom } from "./waiting_room.ts";

/** A room in front of some places, which the test frees. */
function room({ max = 10, timeout = 60_000 } = {}) {
  const deadlines = new Deadlines();
  const places: string[] = [];
  const waiting = new WaitingRoom({
    ...{ max, timeout, deadlines, shared: false },
    waiting: OWN_COUNTERS.count("waiting"),
  });
  const free = (...more: string[]) => {
    places.push(...more);
    waiting.admit();
  };
  return { waiting, free, wait: () => waiting.wait(() => places.shift()) };
}

Deno.test("WaitingRoom lets in first who came first", async () => {
  const { waiting, free, wait } = room();
  const three = [wait(), wait(), wait()];
  free("a", "b");
  assert.equal(waiting.size, 1);
  free("c");
  assert.deepEqual(await Promise.all(three), ["a", "b", "c"]);
  assert.equal(waiting.size, 0);
});

Deno.test("WaitingRoom lets in others while somebody waits for a place of his own", async () => {
  const { waiting, free, wait } = room();
  const own: string[] = [];
  const choosy = waiting.wait(() => own.shift(), { choosy: true });
  const others = [wait(), wait()];
  free("a");
  assert.equal(await others[0], "a");
  assert.equal(waiting.size, 2);
  own.push("b");
  free("c");
  assert.deepEqual(await Promise.all([choosy, others[1]]), ["b", "c"]);
  assert.equal(waiting.size, 0);
});

Deno.test("WaitingRoom lets in who waits for other servers than those in front", async () => {
  const { waiting } = room();
  const places: Record<string, string[]> = { old: [], next: [] };
  const wait = (whose: string) => waiting.wait(() => places[whose]?.shift(), { whose });
  const [old, next] = [[wait("old"), wait("old")], [wait("next"), wait("next")]];
  places["next"]?.push("a");
  waiting.admit();
  assert.equal(await next[0], "a");
  assert.equal(waiting.size, 3);
  places["old"]?.push("b", "c");
  waiting.admit();
  assert.deepEqual(await Promise.all(old), ["b", "c"]);
  places["next"]?.push("d");
  waiting.admit();
  assert.equal(await next[1], "d");
});

Deno.test("WaitingRoom lets in who waits for other servers than those in front and behind", async () => {
  const { waiting } = room();
  const places: Record<string, string[]> = { old: [], next: [] };
  const wait = (whose: string) => waiting.wait(() => places[whose]?.shift(), { whose });
  // a request of before a reload may come to wait, or to wait again, long after it
  const [first, other, last] = [wait("old"), wait("next"), wait("old")];
  places["next"]?.push("a");
  waiting.admit();
  assert.equal(await other, "a");
  waiting.admit();
  const another = wait("next");
  places["next"]?.push("b");
  waiting.admit();
  assert.equal(await another, "b");
  places["old"]?.push("c", "d");
  waiting.admit();
  assert.deepEqual(await Promise.all([first, last]), ["c", "d"]);
});

Deno.test("WaitingRoom has room again for who gives up", async () => {
  const { waiting, free, wait } = room({ max: 2 });
  let giveUp = () => {};
  const gone = waiting.wait(() => "never", { onWait: (ends) => giveUp = ends });
  const first = wait();
  giveUp();
  await assert.rejects(gone, { code: "client_gone" });
  const second = wait();
  free("a", "b");
  assert.deepEqual(await Promise.all([first, second]), ["a", "b"]);
  giveUp();
  assert.equal(waiting.size, 0);
});

Deno.test("WaitingRoom turns away whom it has no room for", async () => {
  const { free, wait } = room({ max: 2 });
  const two = [wait(), wait()];
  await assert.rejects(wait(), {
    code: "overloaded",
    message: /the queue is full \(queue\.max: 2\)/,
  });
  free("a", "b");
  assert.deepEqual(await Promise.all(two), ["a", "b"]);
});

Deno.test("WaitingRoom turns away who has waited too long", async () => {
  const { waiting, wait } = room({ timeout: 20 });
  await assert.rejects(wait(), { code: "overloaded", message: /0\.02 s/ });
  assert.equal(waiting.size, 0);
});

Deno.test("WaitingRoom tells everybody who cannot get in at all", async () => {
  const waiting = new WaitingRoom({
    ...{ max: 9, timeout: 60_000, deadlines: new Deadlines(), shared: false },
    waiting: OWN_COUNTERS.count("waiting"),
  });
  let down = false;
  const enter = () => {
    if (down) throw new ProxyError("no_server", "all down");
    return undefined;
  };
  const two = [waiting.wait(enter), waiting.wait(enter)];
  waiting.admit();
  assert.equal(waiting.size, 2);
  down = true;
  waiting.admit();
  for (const one of two) await assert.rejects(one, { code: "no_server" });
  assert.equal(waiting.size, 0);
});

Deno.test("WaitingRoom looks again and again for places that are given back elsewhere", async () => {
  using time = new FakeTime();
  const places: string[] = [];
  const shared = (isShared: boolean) => {
    const waiting = new WaitingRoom({
      ...{ max: 9, timeout: 60_000, deadlines: new Deadlines(), shared: isShared },
      waiting: OWN_COUNTERS.count("waiting"),
    });
    const got: string[] = [];
    let looks = 0;
    const wait = () => {
      const enter = () => {
        looks++;
        return places.shift();
      };
      waiting.wait(enter).then((place) => got.push(place));
    };
    return { waiting, got, wait, looks: () => looks };
  };
  const room = shared(true);
  room.wait();
  room.wait();
  await time.pass(100);
  assert.deepEqual(room.got, []);
  places.push("a");
  await time.pass(10);
  assert.deepEqual(room.got, ["a"]);
  await time.pass(100);
  places.push("b");
  await time.pass(10);
  assert.deepEqual(room.got, ["a", "b"]);
  const looks = room.looks();
  await time.pass(1000);
  assert.equal(room.looks(), looks, "nobody waits");
  room.wait();
  places.push("c");
  await time.pass(10);
  assert.deepEqual(room.got, ["a", "b", "c"]);

  const alone = shared(false);
  alone.wait();
  places.push("d");
  await time.pass(1000);
  assert.deepEqual([alone.got, alone.looks()], [[], 0], "who gives one back says so");
  alone.waiting.admit();
  await time.pass(0);
  assert.deepEqual(alone.got, ["d"]);
});
