import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { acceptAll } from "./accept_loop.ts";
import { listeningSockets } from "./listening_sockets.ts";

/** A listener that gives, or fails with, what it is told to. */
function scripted(outcomes: readonly (string | Error)[]) {
  const told: string[] = [];
  let at = 0;
  const listener = {
    accept: () => {
      const outcome = outcomes[at++];
      if (outcome === undefined) return new Promise<never>(() => {});
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
  };
  const on = {
    socket: (socket: string) => void told.push(socket),
    gone: () => void told.push("gone"),
    trouble: (reason: string) => void told.push(`trouble: ${reason}`),
    recovered: () => void told.push("recovered"),
    closed: () => false,
  };
  return { listener, on, told };
}

const FULL = new Error("Too many open files (os error 24)");
const GONE = new Error("Socket is not connected (os error 107)");

Deno.test("acceptAll() tells of a shortage once, and of its end a second after the last failure", async () => {
  using time = new FakeTime();
  const { listener, on, told } = scripted([FULL, FULL, "a", FULL, "b"]);
  void acceptAll(listener, on);
  await time.pass(1_150);
  assert.deepEqual(told, [`trouble: ${FULL.message}`, "a", "b"]);
  await time.pass(200);
  assert.deepEqual(told.slice(3), ["recovered"]);
});

Deno.test("acceptAll() lets a client that has gone keep nobody waiting", async () => {
  using time = new FakeTime();
  const { listener, on, told } = scripted([GONE, "a", GONE, "b"]);
  void acceptAll(listener, on);
  await time.pass(0);
  assert.deepEqual(told, ["gone", "a", "gone", "b"]);
});

Deno.test("acceptAll() tries again at once where room was made", async () => {
  using time = new FakeTime();
  const { listener, on, told } = scripted([FULL, "a"]);
  let spare = 1;
  void acceptAll(listener, { ...on, makeRoom: () => spare-- > 0 });
  await time.pass(0);
  assert.deepEqual(told, [`trouble: ${FULL.message}`, "a"]);
});

Deno.test("acceptAll() ends where the socket listens no more", async () => {
  const { on, told } = scripted([]);
  const listener = Deno.listen({ ...{ hostname: "127.0.0.1", port: 0, reusePort: true } });
  const accepting = acceptAll(listener, { ...on, socket: () => {} });
  const { port } = listener.addr;
  listeningSockets().silence(listeningSockets().tune(port), port);
  await accepting;
  listener.close();
  assert.deepEqual(told, []);
});
