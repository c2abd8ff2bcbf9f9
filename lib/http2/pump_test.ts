import assert from "node:assert/strict";
import { POOLED_BYTES } from "../io/buffer_pool.ts";
import type { Connection, Receiver, Sender } from "../io/connection.ts";
import { eventually } from "../../tests/support/deadline.ts";
import { Pump, type Pumped, type PumpUser } from "./pump.ts";

/** A pump between a socket and a connection that do what the test says. */
class Play {
  /** What has happened, in order. */
  readonly told: string[] = [];
  /** Output that waits. */
  outputBytes = 0;
  /** Whether a body may go on. */
  expectsBody = false;
  /** What is to happen when something is fed. */
  onFeed = () => {};
  /** Bytes of the buffer that is read into; undefined while nothing is. */
  into: number | undefined;
  readonly pump: Pump;
  readonly pumped: Pumped;
  #receiver: Receiver | undefined;
  #sender: Sender | undefined;

  constructor({ starts = true } = {}) {
    const socket: Pick<Connection, "receive" | "send" | "reading"> = {
      reading: false,
      receive: (into, receiver) => {
        assert.equal(this.into, undefined, "one read at a time");
        this.into = into.length;
        this.#receiver = receiver;
      },
      send: (bytes, sender) => {
        assert.equal(this.#sender, undefined, "one write at a time");
        this.#sender = sender;
        this.told.push(`send ${bytes.length}`);
      },
    };
    this.pumped = {
      feed: (bytes) => {
        this.told.push(`feed ${bytes.length}`);
        this.onFeed();
      },
      takeOutput: () => {
        const bytes = this.outputBytes;
        this.outputBytes = 0;
        return bytes === 0 ? undefined : new Uint8Array(bytes);
      },
      get outputBytes() {
        return waiting();
      },
      get expectsBody() {
        return expects();
      },
    };
    const waiting = () => this.outputBytes;
    const expects = () => this.expectsBody;
    const user: PumpUser = {
      fed: () => void this.told.push("fed"),
      flushed: (sending) => void (sending || this.told.push("nothing to send")),
      peerEnded: () => void this.told.push("ended"),
      receiveFailed: () => void this.told.push("receive failed"),
      sendFailed: () => void this.told.push("send failed"),
      onBug: () => {
        this.told.push("bug");
        this.pump.stop();
      },
    };
    this.pump = new Pump(socket as Connection, user);
    if (starts) this.pump.start(this.pumped);
  }

  come(count: number): void {
    const receiver = this.#receiver;
    assert.ok(receiver !== undefined && this.into !== undefined, "it is read from");
    this.into = this.#receiver = undefined;
    receiver.received(count);
  }

  sent(): void {
    const sender = this.#sender;
    assert.ok(sender !== undefined, "something is being sent");
    this.#sender = undefined;
    sender.sent();
  }

  /** A stream that says when it goes on. */
  stream(name: string) {
    return { proceed: () => void this.told.push(name) };
  }
}

async function endOfTurn(): Promise<void> {
  for (let i = 0; i < 4; i++) await Promise.resolve();
}

Deno.test("Pump feeds what comes, then lets streams go on, then sends what they say at once", () => {
  const play = new Play();
  play.onFeed = () => {
    play.pump.ready(play.stream("stream"));
    play.outputBytes = 7;
    play.pump.flushSoon();
  };
  play.come(5);
  assert.deepEqual(play.told, ["feed 5", "stream", "fed", "send 7"]);
});

Deno.test("Pump sends what is said in one turn in one write", async () => {
  const play = new Play();
  play.outputBytes = 1;
  play.pump.flushSoon();
  play.outputBytes += 2;
  play.pump.flushSoon();
  await endOfTurn();
  assert.deepEqual(play.told, ["send 3"]);
  assert.ok(play.pump.isWriting);
  play.outputBytes = 4;
  play.pump.flushSoon();
  await endOfTurn();
  assert.deepEqual(play.told, ["send 3"], "one write at a time");
  play.sent();
  play.sent();
  assert.deepEqual(play.told, ["send 3", "send 4", "nothing to send"]);
});

Deno.test("Pump lets a stream go on at the end of a turn where nothing is being read", async () => {
  const play = new Play();
  play.pump.ready(play.stream("stream"));
  assert.deepEqual(play.told, []);
  await endOfTurn();
  assert.deepEqual(play.told, ["stream"]);
});

Deno.test("Pump reads into a large buffer only while much comes", () => {
  const play = new Play();
  const small = play.into ?? 0;
  assert.ok(small < POOLED_BYTES);
  play.come(small);
  assert.equal(play.into, POOLED_BYTES);
  play.come(small);
  assert.equal(play.into, small);
  play.expectsBody = true;
  play.come(small - 1);
  assert.equal(play.into, small, "a little of a body");
  play.come(small);
  for (const piece of [small, 17_000, POOLED_BYTES]) {
    play.come(piece);
    assert.equal(play.into, POOLED_BYTES, `a body goes on behind ${piece} bytes`);
  }
  play.expectsBody = false;
  play.come(17_000);
  assert.equal(play.into, small, "it is over");
});

Deno.test("Pump does not read from a peer that does not read", () => {
  const play = new Play();
  play.onFeed = () => void (play.outputBytes = 1024);
  play.come(1);
  assert.notEqual(play.into, undefined, "a little may wait");
  play.onFeed = () => void (play.outputBytes = 1024 * 1024);
  play.come(1);
  assert.equal(play.into, undefined);
  play.sent();
  assert.notEqual(play.into, undefined, "what waited is on its way");
});

Deno.test("Pump asks for nothing behind the peer's end, and sends what there is", () => {
  const play = new Play();
  play.come(0);
  assert.ok(play.pump.hasEnded);
  play.pump.receive();
  assert.equal(play.into, undefined);
  play.outputBytes = 3;
  play.pump.flush();
  assert.deepEqual(play.told, ["ended", "send 3"]);
});

Deno.test("Pump does nothing once it is stopped, by a bug too", async () => {
  const play = new Play();
  play.onFeed = () => {
    throw new TypeError("a bug");
  };
  play.outputBytes = 3;
  play.come(1);
  play.pump.flushSoon();
  play.pump.receive();
  await endOfTurn();
  assert.deepEqual(play.told, ["feed 1", "bug"]);
  assert.equal(play.into, undefined);
});

Deno.test("Pump reads nothing before it is started, and sends then what was said before", async () => {
  const play = new Play({ starts: false });
  play.outputBytes = 3;
  play.pump.flushSoon();
  assert.equal(play.into, undefined);
  play.pump.start(play.pumped);
  assert.notEqual(play.into, undefined);
  await endOfTurn();
  assert.deepEqual(play.told, ["send 3"]);
});

/** Longer than is looked for more behind a full buffer. */
async function someTurns(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

Deno.test("Pump lets heads wait for what has come with them, but not for what has not", async () => {
  const play = new Play();
  const small = play.into ?? 0;
  play.onFeed = () => play.pump.ready(play.stream("stream"));
  play.come(small);
  assert.deepEqual(play.told, [`feed ${small}`]);
  // the rest is at hand, as of a record that is larger than the buffer
  await Promise.resolve();
  play.come(100);
  const served = [`feed ${small}`, "feed 100", "stream", "stream", "fed", "nothing to send"];
  assert.deepEqual(play.told.splice(0), served);
  await someTurns();
  assert.deepEqual(play.told, []);

  play.come(small);
  assert.deepEqual(play.told, [`feed ${small}`]);
  await someTurns();
  assert.deepEqual(play.told, [`feed ${small}`, "stream", "fed", "nothing to send"]);
});

Deno.test("Pump lets nothing wait behind a large buffer, however much goes on coming", () => {
  const play = new Play();
  play.onFeed = () => play.pump.ready(play.stream("stream"));
  play.come(play.into ?? 0);
  play.told.length = 0;
  play.come(POOLED_BYTES);
  play.come(POOLED_BYTES);
  const [first, second] = [["stream", "stream"], ["stream"]].map((streams) => [
    ...[`feed ${POOLED_BYTES}`, ...streams, "fed", "nothing to send"],
  ]);
  assert.deepEqual(play.told, [...first ?? [], ...second ?? []]);
});

Deno.test("Pump lets go on what had come where it is stopped while it looks for more", async () => {
  const play = new Play();
  const small = play.into ?? 0;
  play.onFeed = () => play.pump.ready(play.stream("stream"));
  play.come(small);
  play.pump.stop();
  await someTurns();
  assert.deepEqual(play.told, [`feed ${small}`, "stream"]);
});

Deno.test("Pump serves what it has where the peer ends while it looks for more", async () => {
  const play = new Play();
  const small = play.into ?? 0;
  play.onFeed = () => play.pump.ready(play.stream("stream"));
  play.come(small);
  play.come(0);
  await someTurns();
  assert.deepEqual(play.told, [`feed ${small}`, "ended", "stream", "fed", "nothing to send"]);
});

Deno.test("Pump lets others have their turn amid streams that are much work, and keeps their order", async () => {
  const play = new Play();
  const busy = (name: string) => ({
    proceed: () => {
      for (const until = performance.now() + 3; performance.now() < until;);
      play.told.push(name);
    },
  });
  const names = Array.from({ length: 40 }, (_, i) => `stream ${i}`);
  play.onFeed = () => {
    for (const name of names) play.pump.ready(busy(name));
  };
  const timer = setTimeout(() => play.told.push("another"), 0);
  play.come(5);
  assert.ok(play.told.length < names.length, play.told.join());
  // who comes meanwhile is behind them
  play.onFeed = () => play.pump.ready(play.stream("last"));
  play.come(5);
  await eventually(() => play.told.includes("last") || undefined, "all streams to go on");
  clearTimeout(timer);
  const went = play.told.filter((one) => one === "last" || one.startsWith("stream"));
  assert.deepEqual(went, [...names, "last"]);
  assert.ok(play.told.indexOf("another") < play.told.indexOf("stream 39"), play.told.join());
});

Deno.test("Pump ends with a bug in a stream that had to wait as with any other", async () => {
  const play = new Play();
  play.onFeed = () => {
    for (let i = 0; i < 9; i++) {
      play.pump.ready({
        proceed: () => {
          for (const until = performance.now() + 3; performance.now() < until;);
          if (i === 8) throw new Error("a bug");
        },
      });
    }
  };
  play.come(5);
  await eventually(() => play.told.includes("bug") || undefined, "the bug to be told of");
});
