import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { latin1 } from "../../tests/support/connection.ts";
import { eventually } from "../../tests/support/deadline.ts";
import { settled } from "../../tests/support/settled.ts";
import { tcpPair } from "../../tests/support/tcp_pair.ts";
import { POOLED_BYTES, READ_POOL } from "./buffer_pool.ts";
import { ProxyError } from "../core/errors.ts";
import { type ByteSocket, SocketConnection } from "./socket_connection.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };
const STOPPING = new ProxyError("draining", "The proxy is stopping");
const RECORD = 16 * 1024;
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("SocketConnection carries bytes both ways and counts them", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection, far } = pair;
  const reader = connection.readable.getReader();
  await far.write("hello");
  assert.equal(latin1((await reader.read()).value ?? bytes("")), "hello");
  await connection.writable.getWriter().write(bytes("good day"));
  assert.equal(await far.readText(8), "good day");
  assert.deepEqual(connection.bytes, { read: 5, written: 8 });
});

Deno.test("SocketConnection.readable reads nothing before somebody asks", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection, far } = pair;
  await far.write("hello");
  await settled();
  assert.equal(connection.bytes.read, 0);
  await connection.readable.getReader().read();
  await far.write("hello");
  await settled();
  assert.equal(connection.bytes.read, 5);
});

Deno.test("SocketConnection.writable goes on when the peer half-closes", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection, far } = pair;
  await far.write("all");
  await far.end();
  assert.equal(await textOf(connection.readable), "all");
  const writer = connection.writable.getWriter();
  await writer.write(bytes("answer"));
  await writer.close();
  assert.equal(await far.readRest(), "answer");
});

Deno.test("SocketConnection.readable goes on when writable is closed", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection, far } = pair;
  await connection.writable.close();
  assert.equal(await far.readRest(), "");
  await far.write("late");
  await far.end();
  assert.equal(await textOf(connection.readable), "late");
});

Deno.test("SocketConnection lets others have turns while much is at hand to be read", async () => {
  const READS = 200;
  const connection = connect(new ScriptedSocket(new Array(READS).fill(POOLED_BYTES)));
  let turns = 0;
  let reading = true;
  const count = () => {
    turns++;
    if (reading) setImmediate(count);
  };
  setImmediate(count);
  while (await connection.read() !== undefined);
  reading = false;
  assert.equal(connection.bytes.read, READS * POOLED_BYTES);
  assert.ok(turns >= READS / 2, `${turns} turns in ${READS} reads`);
});

Deno.test("SocketConnection frees the socket when both directions have ended", async () => {
  for (const first of ["read", "write"]) {
    const socket = new ScriptedSocket([]);
    const connection = connect(socket);
    const ends = [() => textOf(connection.readable), () => connection.writable.close()];
    if (first === "write") ends.reverse();
    await ends[0]?.();
    assert.equal(socket.closed, 0);
    await ends[1]?.();
    assert.equal(socket.closed, 1);
    connection.close();
    assert.equal(socket.closed, 1);
  }
});

Deno.test("SocketConnection.failReads() leaves writable working", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection, far } = pair;
  const reading = connection.readable.getReader().read();
  connection.failReads(STOPPING);
  connection.failReads(new Error("not this one"));
  await assert.rejects(reading, STOPPING);
  const writer = connection.writable.getWriter();
  await writer.write(bytes("last words"));
  await far.write("nobody reads this");
  await writer.write(bytes("!"));
  await writer.close();
  assert.equal(await far.readRest(), "last words!");
});

Deno.test(
  "SocketConnection.failReads() and the end of writable free the socket",
  SANITIZED,
  async () => {
    await using pair = await tcpPair();
    pair.connection.failReads(STOPPING);
    await pair.connection.writable.close();
    await pair.far.untilGone();
  },
);

Deno.test("SocketConnection.close() fails a pending read and frees", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection, far } = pair;
  const reading = connection.readable.getReader().read();
  const writer = connection.writable.getWriter();
  connection.close(STOPPING);
  connection.close(new Error("not this one"));
  await assert.rejects(reading, STOPPING);
  await assert.rejects(writer.write(bytes("a")), STOPPING);
  await assert.rejects(writer.closed, STOPPING);
  await far.untilGone();
});

Deno.test("SocketConnection.close() fails a pending write with its reason", SANITIZED, async () => {
  await using pair = await tcpPair();
  const { connection } = pair;
  const writer = connection.writable.getWriter();
  writer.closed.catch(() => {});
  let taken = 0;
  const writing = (async () => {
    for (;; taken++) await writer.write(new Uint8Array(1024 * 1024));
  })();
  const rejected = assert.rejects(writing, STOPPING);
  await eventually(stalledAt(() => taken), "the peer's buffers to be full");
  connection.close(STOPPING);
  await rejected;
});

Deno.test("SocketConnection.close() without a reason names the connection's end", async () => {
  const connection = connect(new ScriptedSocket([]));
  connection.close();
  const expected = { name: "ProxyError", code: "client_gone" };
  await assert.rejects(connection.readable.getReader().read(), expected);
  await assert.rejects(connection.writable.getWriter().closed, expected);
});

Deno.test(
  "SocketConnection fails both directions when the peer breaks off",
  SANITIZED,
  async () => {
    await using pair = await tcpPair();
    const { connection, far } = pair;
    const writer = connection.writable.getWriter();
    const closed = assert.rejects(writer.closed, { code: "client_gone" });
    far.reset();
    const reading = connection.readable.getReader().read();
    await assert.rejects(reading, { name: "ProxyError", code: "client_gone", source: "client" });
    await closed;
  },
);

Deno.test("SocketConnection goes on reading what has come when a write fails", async () => {
  const broken = new Deno.errors.BrokenPipe("Broken pipe");
  const socket = new ScriptedSocket([5], { write: () => Promise.reject(broken) });
  const connection = connect(socket);
  const expected = { code: "client_gone", message: "Broken pipe", cause: broken };
  await assert.rejects(connection.write(bytes("a")), expected);
  await assert.rejects(connection.write(bytes("b")), expected);
  assert.equal((await connection.read())?.length, 5);
  assert.equal(await connection.read(), undefined);
  connection.close();
  assert.equal(socket.closed, 1);
});

Deno.test("SocketConnection ends by a bug of its user, who is told of it once", async () => {
  for (const failing of ["received", "sent"] as const) {
    const socket = new ScriptedSocket([5]);
    const connection = connect(socket);
    const told: string[] = [];
    const tell = (what: string) => {
      told.push(what);
      throw new TypeError(`a bug in ${what}`);
    };
    const receiver = {
      received: () => tell("received"),
      receiveFailed: ({ message }: Error) => tell(message),
    };
    const sender = { sent: () => tell("sent"), sendFailed: ({ message }: Error) => tell(message) };
    if (failing === "received") connection.receive(new Uint8Array(10), receiver);
    else connection.send(bytes("a"), sender);
    await settled();
    assert.deepEqual(told, [failing, `a bug in ${failing}`]);
    assert.equal(socket.closed, 1);
  }
});

Deno.test("SocketConnection closes when readable is cancelled or writable aborted", async () => {
  for (const leave of ["cancel", "abort"] as const) {
    const socket = new ScriptedSocket([]);
    const { readable, writable } = connect(socket);
    if (leave === "cancel") await readable.cancel(STOPPING);
    else await writable.abort(STOPPING);
    assert.equal(socket.closed, 1);
    if (leave === "cancel") await assert.rejects(writable.getWriter().closed, STOPPING);
    else await assert.rejects(readable.getReader().read(), STOPPING);
  }
});

Deno.test("SocketConnection.writable writes all when the socket takes only a part", async () => {
  const written: number[] = [];
  const socket = new ScriptedSocket([], {
    write: (chunk) => {
      const count = Math.min(chunk.length, 3);
      written.push(...chunk.subarray(0, count));
      return Promise.resolve(count);
    },
  });
  const connection = connect(socket);
  const writer = connection.writable.getWriter();
  await writer.write(bytes("0123456789"));
  await writer.write(new Uint8Array(0));
  await writer.write(bytes("ab"));
  assert.equal(latin1(Uint8Array.from(written)), "0123456789ab");
  assert.equal(connection.bytes.written, 12);
});

Deno.test("SocketConnection.writable takes one chunk at a time", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  let writes = 0;
  const socket = new ScriptedSocket([], { write: () => (writes++, promise) });
  const writer = connect(socket).writable.getWriter();
  await writer.ready;
  assert.equal(writer.desiredSize, 1);
  const both = [writer.write(bytes("a")), writer.write(bytes("b"))];
  await settled();
  assert.equal(writes, 1);
  assert.equal(writer.desiredSize, -1);
  resolve(1);
  await Promise.all(both);
  assert.equal(writes, 2);
});

Deno.test("SocketConnection reads into small buffers while little comes", async () => {
  const [middle, large] = [8 * 1024, POOLED_BYTES];
  const socket = new ScriptedSocket([10, 16, 10, 16, middle, large, middle, 100, 15, 1]);
  await textOf(connect(socket, 16).readable);
  // what would fill a buffer makes the next one larger, anything less smaller again
  assert.deepEqual(
    socket.asked,
    [16, 16, middle, 16, middle, large, large, large, middle, 16, 16],
  );
});

Deno.test("SocketConnection allocates no buffer for each read", async () => {
  for (const idle of [16, POOLED_BYTES]) {
    const socket = new ScriptedSocket(Array(20).fill(10));
    await textOf(connect(socket, idle).readable);
    assert.equal(new Set(socket.buffers).size, 2);
  }
});

Deno.test("SocketConnection.release() has one buffer do", async () => {
  const socket = new ScriptedSocket([10, 10, 10, 10, 16, POOLED_BYTES, 10, 10, 10]);
  const connection = connect(socket, 16);
  const chunk = () => connection.read();
  await chunk();
  await chunk();
  for (let i = 0; i < 2; i++) {
    connection.release();
    const reading = chunk();
    // too late for this one: it is being read into
    connection.release();
    await reading;
  }
  const [, second, third, fourth] = socket.buffers;
  assert.ok(second !== undefined && third === second && fourth === second);
  // a large one that an idle connection has no use for is given back
  await chunk();
  await chunk();
  connection.release();
  await chunk();
  connection.release();
  await chunk();
  connection.release();
  await chunk();
  assert.deepEqual(socket.asked.slice(-3), [POOLED_BYTES, 16, 16]);
  assert.equal(socket.buffers.at(-1), socket.buffers.at(-2));
});

Deno.test("SocketConnection joins full records that are at hand, as far as its buffer goes", async () => {
  const full = Array(5).fill(RECORD);
  const socket = new ScriptedSocket([RECORD, RECORD, RECORD, 10, RECORD, ...full, 20]);
  const connection = connect(socket, 16, RECORD);
  const sizes: number[] = [];
  for (let chunk; (chunk = await connection.read()) !== undefined;) sizes.push(chunk.length);
  // the first two fill their buffers, which are smaller
  assert.deepEqual(sizes, [16, RECORD / 2, RECORD + 10, 4 * RECORD, 2 * RECORD + 20]);
  assert.equal(connection.bytes.read, sizes.reduce((a, b) => a + b));
});

Deno.test("SocketConnection gives what there is when no more is at hand, and asks no further", async () => {
  const socket = new PushedSocket();
  const connection = connect(socket, POOLED_BYTES, RECORD);
  let reading = connection.read();
  socket.push(RECORD);
  assert.equal((await reading)?.length, RECORD);
  assert.equal(socket.reads, 2);
  // what the look brings is for the next read
  socket.push(RECORD);
  await settled();
  assert.equal(socket.reads, 2);
  assert.equal(connection.bytes.read, RECORD);
  reading = connection.read();
  assert.equal((await reading)?.length, RECORD);
  assert.equal(connection.bytes.read, 2 * RECORD);
  // that was full too; this time somebody asks before anything comes
  assert.equal(socket.reads, 3);
  reading = connection.read();
  socket.push(5);
  assert.equal((await reading)?.length, 5);
  assert.equal(socket.reads, 3);
});

Deno.test("SocketConnection gives what was read before an end or a failure behind it", async () => {
  const broken = new Deno.errors.ConnectionReset("Connection reset by peer");
  for (const late of [false, true]) {
    for (const last of [null, broken]) {
      const socket = new PushedSocket();
      const connection = connect(socket, POOLED_BYTES, RECORD);
      const reading = connection.read();
      socket.push(RECORD);
      if (late) await reading;
      socket.push(last);
      assert.equal((await reading)?.length, RECORD);
      await settled();
      // nobody has asked for it
      assert.equal(socket.closed, 0);
      if (last === null) assert.equal(await connection.read(), undefined);
      else await assert.rejects(connection.read(), { code: "client_gone", cause: broken });
      assert.equal(socket.closed, last === null ? 0 : 1);
      await connection.endWrites().catch(() => {});
      assert.equal(socket.closed, 1);
    }
  }
});

Deno.test("SocketConnection.failReads() ends a look for more like any read", async () => {
  for (const last of [null, RECORD, new Deno.errors.ConnectionReset("Reset")]) {
    const socket = new PushedSocket();
    const connection = connect(socket, POOLED_BYTES, RECORD);
    const reading = connection.read();
    socket.push(RECORD);
    await reading;
    connection.failReads(STOPPING);
    await assert.rejects(connection.read(), STOPPING);
    socket.push(last);
    await settled();
    await assert.rejects(connection.read(), STOPPING);
    assert.equal(socket.closed, last instanceof Error ? 1 : 0);
    await connection.endWrites();
    assert.equal(socket.closed, 1);
  }
});

Deno.test("SocketConnection.release() leaves a buffer that is being looked into", async () => {
  const socket = new PushedSocket();
  const connection = connect(socket, 16, RECORD);
  socket.push(16);
  await connection.read();
  socket.push(RECORD);
  await connection.read();
  connection.release();
  const other = READ_POOL.take();
  assert.notEqual(other.buffer, socket.into?.buffer);
  READ_POOL.give(other);
  socket.push(7);
  await settled();
  connection.release();
  const chunk = await connection.read();
  assert.equal(chunk?.length, 7);
  assert.equal(chunk?.buffer, socket.into?.buffer);
});

Deno.test("SocketConnection keeps a chunk until two more were asked for, whatever others do", async () => {
  const sizes = fc.array(fc.constantFrom(1, 15, 16, 17, 100, RECORD, POOLED_BYTES), {
    maxLength: 30,
  });
  const schedule = fc.array(fc.nat(3), { maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { minLength: 3, maxLength: 3 }),
      schedule,
      fc.constantFrom(16, 100, RECORD, undefined),
      async (...drawn) => {
        const [scripts, turns, recordBytes] = drawn;
        const consumers = scripts.map((script) =>
          new Consumer(connect(new ScriptedSocket(script), 16, recordBytes))
        );
        for (const turn of turns) {
          const consumer = consumers[turn];
          if (consumer === undefined) usePool();
          else await consumer.ask(() => consumers.forEach((each) => each.check()));
          consumers.forEach((each) => each.check());
        }
      },
    ),
    { numRuns: 100 },
  );
});

/** Asks for one chunk after another and remembers what the last two held. */
class Consumer {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #held: { chunk: Uint8Array; text: string }[] = [];

  constructor({ readable }: SocketConnection) {
    this.#reader = readable.getReader();
  }

  /** @param whileAsking called when it has asked and not got yet */
  async ask(whileAsking: () => void): Promise<void> {
    // two more are asked for: the older of the chunks is over
    this.#held = this.#held.slice(-1);
    const asked = this.#reader.read();
    whileAsking();
    const { value: chunk } = await asked;
    if (chunk !== undefined) this.#held.push({ chunk, text: fingerprint(chunk) });
  }

  check(): void {
    for (const { chunk, text } of this.#held) assert.equal(fingerprint(chunk), text);
  }
}

/** Every byte of a read is the same, and none but its own read has it. */
function fingerprint(chunk: Uint8Array): string {
  const some = chunk.filter((_, i) => i % 16 === 0);
  return `${chunk.length}: ${latin1(some)} ${chunk.at(-1)}`;
}

/** Takes a pooled buffer, fills it, and gives it back. */
function usePool(): void {
  const buffer = READ_POOL.take();
  buffer.fill(0);
  READ_POOL.give(buffer);
}

let fill = 0;

/** A socket that reads so many bytes at a time, and then the end. */
class ScriptedSocket implements ByteSocket {
  readonly asked: number[] = [];
  readonly buffers: ArrayBufferLike[] = [];
  closed = 0;
  readonly #sizes: number[];
  readonly write: (bytes: Uint8Array) => Promise<number>;

  constructor(
    sizes: readonly number[],
    { write = (bytes: Uint8Array) => Promise.resolve(bytes.length) }: Partial<ByteSocket> = {},
  ) {
    this.#sizes = [...sizes];
    this.write = write;
  }

  read(into: Uint8Array): Promise<number | null> {
    this.asked.push(into.length);
    const size = this.#sizes.shift();
    if (size === undefined) return Promise.resolve(null);
    this.buffers.push(into.buffer);
    const count = Math.min(size, into.length);
    fill = fill % 255 + 1;
    into.fill(fill, 0, count);
    return Promise.resolve(count);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed++;
  }
}

/** A socket whose reads wait for what is pushed: so many bytes, the end, or a failure. */
class PushedSocket implements ByteSocket {
  reads = 0;
  closed = 0;
  /** The buffer of the last read. */
  into: Uint8Array | undefined;
  readonly #pushed: (number | null | Error)[] = [];
  #waiting: PromiseWithResolvers<number | null> | undefined;

  push(what: number | null | Error): void {
    this.#pushed.push(what);
    this.#serve();
  }

  read(into: Uint8Array): Promise<number | null> {
    this.reads++;
    this.into = into;
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#serve();
    return promise;
  }

  write(chunk: Uint8Array): Promise<number> {
    return Promise.resolve(chunk.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed++;
    this.#waiting?.reject(new Deno.errors.BadResource("Closed"));
  }

  #serve(): void {
    const what = this.#waiting === undefined ? undefined : this.#pushed.shift();
    if (what === undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (what instanceof Error) waiting?.reject(what);
    else waiting?.resolve(what);
  }
}

function connect(
  socket: ByteSocket,
  idleBufferBytes = POOLED_BYTES,
  recordBytes?: number,
): SocketConnection {
  const nowhere = { host: "192.0.2.1", port: 1 };
  return new SocketConnection(socket, {
    peer: nowhere,
    local: nowhere,
    goneCode: "client_gone",
    idleBufferBytes,
    ...(recordBytes === undefined ? {} : { recordBytes }),
  });
}

async function textOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of readable) text += latin1(chunk);
  return text;
}

/** Looks whether a number has stopped growing. */
function stalledAt(look: () => number): () => Promise<number | undefined> {
  let last = -1;
  return () => {
    const now = look();
    const same = now === last;
    last = now;
    return Promise.resolve(same ? now : undefined);
  };
}
