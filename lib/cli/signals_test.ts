import assert from "node:assert/strict";
import { type SignalSource, watchSignals } from "./signals.ts";

Deno.test("watchSignals() settles stop on the first signal and exits on the second", async () => {
  const CASES = [["SIGTERM", 143], ["SIGINT", 130]] as const;
  for (const [second, code] of CASES) {
    const source = fakeSource();
    using signals = watchSignals(() => {}, source);
    source.send("SIGTERM");
    assert.equal(await signals.stop, "SIGTERM");
    assert.deepEqual(source.exits, []);
    source.send(second);
    assert.deepEqual(source.exits, [code]);
  }
});

Deno.test("watchSignals() reloads on SIGHUP, each time, and once for those that came too early", () => {
  const source = fakeSource();
  using signals = watchSignals(() => {}, source);
  source.send("SIGHUP");
  source.send("SIGHUP");
  let reloads = 0;
  signals.onReload(() => reloads++);
  assert.equal(reloads, 1);
  source.send("SIGHUP");
  source.send("SIGHUP");
  assert.equal(reloads, 3);
  source.send("SIGTERM");
  assert.deepEqual(source.exits, [], "it did not count as a first stop");
});

Deno.test("watchSignals() gives the signals back when it is disposed", () => {
  const source = fakeSource();
  watchSignals(() => {}, source)[Symbol.dispose]();
  assert.equal(source.handlers.size, 0);
});

Deno.test("watchSignals() says of SIGUSR2 what is to be sent instead, and goes on", () => {
  const source = fakeSource();
  const said: string[] = [];
  using _signals = watchSignals((text) => void said.push(text), source);
  source.send("SIGUSR2");
  assert.match(said.join("\n"), /^SIGUSR2: nothing is done; SIGHUP reloads/);
  assert.deepEqual(source.exits, []);
});

interface FakeSource extends SignalSource {
  readonly handlers: ReadonlyMap<Deno.Signal, () => void>;
  readonly exits: readonly number[];
  send(signal: Deno.Signal): void;
}

function fakeSource(): FakeSource {
  const handlers = new Map<Deno.Signal, () => void>();
  const exits: number[] = [];
  return {
    handlers,
    exits,
    addSignalListener: (signal, handler) => void handlers.set(signal, handler),
    removeSignalListener: (signal) => void handlers.delete(signal),
    exit: (code) => void exits.push(code),
    send: (signal) => handlers.get(signal)?.(),
  };
}
