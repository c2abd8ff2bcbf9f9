import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { Channel } from "./channel.ts";

interface Calculator {
  add(numbers: readonly number[]): Promise<number>;
  fail(code: "bad_config" | undefined): Promise<void>;
  note(text: string): void;
  wait(nothing: undefined): Promise<never>;
}

function connected() {
  const { port1, port2 } = new MessageChannel();
  const notes: string[] = [];
  const calculator: Calculator = {
    add: (numbers) => Promise.resolve(numbers.reduce((sum, number) => sum + number, 0)),
    fail: (code) => {
      throw code === undefined ? new TypeError("a bug") : new ProxyError(code, "so it is");
    },
    note: (text) => void notes.push(text),
    wait: () => new Promise<never>(() => {}),
  };
  new Channel<Record<never, never>>(port2, calculator);
  const channel = new Channel<Calculator>(port1, {});
  port1.start();
  port2.start();
  return {
    channel,
    notes,
    [Symbol.dispose]() {
      port1.close();
      port2.close();
    },
  };
}

Deno.test("Channel.call() gives what the other end gives, each call its own", async () => {
  using end = connected();
  const { channel } = end;
  const calls = [channel.call("add", [1, 2]), channel.call("add", [3]), channel.call("add", [])];
  assert.deepEqual(await Promise.all(calls), [3, 3, 0]);
});

Deno.test("Channel.call() throws what the other end throws", async () => {
  using end = connected();
  await assert.rejects(end.channel.call("fail", "bad_config"), {
    ...{ name: "ProxyError", code: "bad_config", message: "so it is" },
  });
  await assert.rejects(end.channel.call("fail", undefined), { code: "internal", message: "a bug" });
});

Deno.test("Channel.tell() is done before a call that follows it", async () => {
  using end = connected();
  end.channel.tell("note", "first");
  await end.channel.call("add", []);
  assert.deepEqual(end.notes, ["first"]);
});

Deno.test("Channel.close() ends what waits, and what comes later", async () => {
  using end = connected();
  const { channel } = end;
  const waiting = channel.call("wait", undefined);
  channel.close(new ProxyError("internal", "it has died"));
  await assert.rejects(waiting, { message: "it has died" });
  await assert.rejects(channel.call("add", [1]), { message: "it has died" });
  channel.tell("note", "nobody hears it");
});
