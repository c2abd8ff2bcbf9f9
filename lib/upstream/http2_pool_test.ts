import assert from "node:assert/strict";
import { encodeLatin1 } from "../core/latin1.ts";
import { startBackend } from "../../tests/support/backends.ts";
import type { TestConnection } from "../../tests/support/connection.ts";
import { eventually, within } from "../../tests/support/deadline.ts";
import { DIRECT } from "../../tests/support/forwarding.ts";
import {
  data,
  frame,
  headers,
  joined,
  settings,
  splitFrames,
} from "../../tests/support/http2_frames.ts";
import { ScriptedConnection } from "../../tests/support/scripted_connection.ts";
import { ScriptedDeadlines, scriptedRequest } from "../../tests/support/scripted_exchange.ts";
import { ERROR, FLAG, FRAME, FRAME_HEADER_BYTES, PREFACE, SETTING } from "../http2/wire.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { Deadlines } from "../io/deadlines.ts";
import type { TlsClient } from "../tls/tls_client.ts";
import { AutoPool } from "./auto_pool.ts";
import { Http2Pool } from "./http2_pool.ts";
import type { PooledServer } from "./pooled_server.ts";
import type { AnswerReader } from "./server_stream.ts";

const DIALING = {
  connectTimeout: 5_000,
  proxyProtocol: undefined,
  limits: { headerBytes: 1024, headers: 10 },
};
const ORIGIN = { peer: { host: "192.0.2.1", port: 1 }, local: { host: "192.0.2.2", port: 2 } };

function serverAt(port: number, tls?: TlsClient): PooledServer {
  const endpoint = { kind: "tcp", host: "127.0.0.1", port } as const;
  return { endpoint, tls, maxIdle: 1, idleTimeout: 60_000, mayPool: true };
}

const SENDING = {
  forwarding: DIRECT,
  changes: undefined,
  chunks: false,
  answerChunks: false,
};
const NO_READER: AnswerReader = {
  sent: () => {},
  answer: () => {},
  answerBody: () => {},
  answerTrailers: () => {},
  serverFailed: () => {},
};

/** A stream of a connection whose server says what is pushed to the socket. */
async function openStream() {
  const socket = new ScriptedConnection();
  socket.push(settings());
  const pool = new Http2Pool(serverAt(1), new Deadlines());
  await pool.adopt(socket, DIALING);
  const stream = await pool.take(false);
  assert.ok(stream !== undefined);
  return { socket, stream };
}

/** What the next PING says that comes. */
function readPing(connection: TestConnection): Promise<Uint8Array> {
  return readFrame(connection, FRAME.ping);
}

/** What the next frame of a type says that comes. */
async function readFrame(connection: TestConnection, wanted: number): Promise<Uint8Array> {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let some; (some = await connection.readSome()) !== undefined;) {
    bytes = joined([bytes, some]);
    const found = splitFrames(bytes.subarray(PREFACE.length)).frames
      .find(({ type }) => type === wanted);
    if (found !== undefined) return found.payload;
  }
  throw new Error(`The connection ended without a frame of type ${wanted}`);
}

Deno.test("Http2Pool serves those who wait for a connection while it is closed by that one", async () => {
  const begins = Promise.withResolvers<void>();
  await using server = await startBackend(async (connection) => {
    await begins.promise;
    await connection.write(settings());
    await connection.readRest();
  });
  const pool = new Http2Pool(serverAt(server.port), new Deadlines());
  const opening = [1, 2].map(() => pool.open(ORIGIN, DIALING));
  pool.close();
  begins.resolve();
  const streams = await within(Promise.all(opening), "both to have a stream");
  assert.equal(server.connections.length, 1);
  for (const stream of streams) stream.release();
  await server.allGone();
});

Deno.test("a server is told by a GOAWAY that a connection is not needed any more", async () => {
  const told = Promise.withResolvers<Uint8Array>();
  await using server = await startBackend(async (connection) => {
    await connection.write(settings());
    told.resolve(await readFrame(connection, FRAME.goaway));
    await connection.readRest();
  });
  const pool = new Http2Pool(serverAt(server.port), new Deadlines());
  const stream = await pool.open(ORIGIN, DIALING);
  stream.release();
  pool.close();
  assert.deepEqual(await within(told.promise, "a GOAWAY"), new Uint8Array(8));
  await server.allGone();
});

Deno.test("a server that leaves for an error is told of with that", async () => {
  const calm = frame(FRAME.goaway, { payload: [0, 0, 0, 1, 0, 0, 0, ERROR.enhanceYourCalm] });
  const unserved = frame(FRAME.goaway, { payload: [0, 0, 0, 0, 0, 0, 0, ERROR.enhanceYourCalm] });
  for (const goaway of [calm, unserved]) {
    const { socket, stream } = await openStream();
    const failed = Promise.withResolvers<string>();
    const serverFailed: AnswerReader["serverFailed"] = ({ message }) => failed.resolve(message);
    stream.send(scriptedRequest(), SENDING, { ...NO_READER, serverFailed });
    stream.body(NO_BYTES, 0, 0, true);
    socket.push(goaway);
    socket.push(undefined);
    assert.match(await failed.promise, /^The server .* \(ENHANCE_YOUR_CALM\)$/);
  }
});

Deno.test("Http2Pool says of a server that takes no request whether it leaves", async () => {
  const calm = frame(FRAME.goaway, { payload: [0, 0, 0, 0, 0, 0, 0, ERROR.enhanceYourCalm] });
  const cases: readonly [sent: Uint8Array, told: RegExp][] = [
    [settings([[SETTING.maxConcurrentStreams, 0]]), /:1 allows no requests$/],
    [joined([settings(), calm]), /:1 goes away before any request \(ENHANCE_YOUR_CALM\)$/],
  ];
  for (const [sent, told] of cases) {
    const socket = new ScriptedConnection();
    socket.push(sent);
    const adopting = new Http2Pool(serverAt(1), new Deadlines()).adopt(socket, DIALING);
    await assert.rejects(adopting, { code: "connect_failed", message: told });
  }
});

Deno.test("an answer that is whole stays so, whatever comes behind it before the request has ended", async () => {
  const { socket, stream } = await openStream();
  const told: string[] = [];
  const begun = Promise.withResolvers<void>();
  stream.send(scriptedRequest(), SENDING, {
    ...NO_READER,
    answerBody: (_bytes, from, to, ended) => {
      told.push(`${to - from} bytes${ended ? ", ended" : ""}`);
      begun.resolve();
    },
    serverFailed: ({ code }) => told.push(code),
  });
  stream.body(NO_BYTES, 0, 0, false);
  socket.push(joined([headers(1, [[":status", "200"]], { ended: false }), data(1, "abc", true)]));
  await begun.promise;
  socket.push(data(1, "more"));
  await eventually(
    () =>
      splitFrames(encodeLatin1(socket.sentText).subarray(PREFACE.length)).frames
        .find(({ type }) => type === FRAME.rstStream),
    "the reset of the stream",
  );
  assert.deepEqual(told, ["3 bytes, ended"]);
});

Deno.test("an answer breaks off behind what was given of it", async () => {
  const { socket, stream } = await openStream();
  const told: string[] = [];
  const begun = Promise.withResolvers<void>();
  stream.send(scriptedRequest(), SENDING, {
    ...NO_READER,
    answerBody: (_bytes, from, to) => {
      told.push(`${to - from} bytes`);
      begun.resolve();
    },
    serverFailed: ({ code }) => told.push(code),
  });
  stream.body(NO_BYTES, 0, 0, true);
  socket.push(joined([headers(1, [[":status", "200"]], { ended: false }), data(1, "abc")]));
  await begun.promise;
  socket.push(undefined);
  await eventually(() => socket.closed || undefined, "the end of the connection");
  assert.deepEqual(told, ["3 bytes"]);
  stream.resume();
  assert.deepEqual(told, ["3 bytes", "truncated_response"]);
});

Deno.test("an answer gets there that fills what is read at once, though its server leaves then", async () => {
  const { socket, stream } = await openStream();
  const over = Promise.withResolvers<number>();
  stream.send(scriptedRequest(), SENDING, {
    ...NO_READER,
    answerBody: (_bytes, from, to, ended) => ended && over.resolve(to - from),
    serverFailed: over.reject,
  });
  stream.body(NO_BYTES, 0, 0, true);
  const head = headers(1, [[":status", "200"]], { ended: false });
  const bytes = READ_AT_ONCE - head.length - FRAME_HEADER_BYTES;
  socket.push(joined([head, data(1, "a".repeat(bytes), true)]));
  socket.push(undefined);
  assert.equal(await within(over.promise, "the answer's end"), bytes);
  stream.release();
});

/** Bytes that a connection reads at once while little comes. */
const READ_AT_ONCE = 4096;

for (const answers of [true, false]) {
  const what = answers ? "goes on by" : "leaves";
  Deno.test(`Http2Pool ${what} a silent connection whose PING is ${answers ? "" : "not "}answered`, async () => {
    const pinged = Promise.withResolvers<void>();
    await using server = await startBackend(async (connection) => {
      await connection.write(settings());
      const ping = await readPing(connection);
      if (answers) await connection.write(frame(FRAME.ping, { flags: FLAG.ack, payload: ping }));
      pinged.resolve();
      await connection.readRest();
    });
    const time = new ScriptedDeadlines();
    const pool = new Http2Pool(serverAt(server.port), time.deadlines);
    const stream = await pool.open(ORIGIN, DIALING);
    stream.send(scriptedRequest(), SENDING, NO_READER);
    stream.body(NO_BYTES, 0, 0, true);
    const other = pool.take(false);
    stream.abort();
    await within(pinged.promise, "a PING");
    if (answers) {
      // its answer ends the wait for it
      const isOver = () => !time.isArmed || undefined;
      await eventually(isOver, "the end of the wait");
    }
    for (const { play } of time.actions()) play();
    const taken = await pool.take(false);
    assert.equal(taken !== undefined, answers);
    // what runs there is left to go on
    assert.equal(server.open, 1);
    for (const stream of [await other, taken]) stream?.release();
    pool.close();
    await server.allGone();
  });
}

Deno.test("Http2Pool leaves a connection that falls silent behind the answer to a PING", async () => {
  const real = performance.now;
  let ahead = 0;
  performance.now = () => real.call(performance) + ahead;
  try {
    const answered = Promise.withResolvers<void>();
    const again = Promise.withResolvers<void>();
    await using server = await startBackend(async (connection) => {
      await connection.write(settings());
      const ping = await readPing(connection);
      await connection.write(frame(FRAME.ping, { flags: FLAG.ack, payload: ping }));
      answered.resolve();
      for (let some; (some = await connection.readSome()) !== undefined;) {
        const { frames } = splitFrames(some);
        if (frames.some(({ type }) => type === FRAME.ping)) again.resolve();
      }
    });
    const time = new ScriptedDeadlines();
    const pool = new Http2Pool(serverAt(server.port), time.deadlines);
    const giveUpOne = async () => {
      const stream = await pool.open(ORIGIN, DIALING);
      stream.send(scriptedRequest(), SENDING, NO_READER);
      stream.body(NO_BYTES, 0, 0, true);
      stream.abort();
    };
    const other = await pool.open(ORIGIN, DIALING);
    await giveUpOne();
    await within(answered.promise, "a PING");
    await eventually(() => !time.isArmed || undefined, "its answer");
    ahead = 60_000;
    await giveUpOne();
    await within(again.promise, "another PING");
    for (const { play } of time.actions()) play();
    assert.equal(await pool.take(false), undefined);
    other.release();
    await server.allGone();
  } finally {
    performance.now = real;
  }
});

Deno.test("Http2Pool asks by one PING for all who come at once to a connection that was idle", async () => {
  const real = performance.now;
  let ahead = 0;
  performance.now = () => real.call(performance) + ahead;
  try {
    let pings = 0;
    await using server = await startBackend(async (connection) => {
      await connection.write(settings());
      for (let some; (some = await connection.readSome()) !== undefined;) {
        const isFirst = some[0] === PREFACE[0];
        const { frames } = splitFrames(isFirst ? some.subarray(PREFACE.length) : some);
        for (const { type, flags, payload } of frames) {
          if (type !== FRAME.ping || (flags & FLAG.ack) !== 0) continue;
          pings++;
          await connection.write(frame(FRAME.ping, { flags: FLAG.ack, payload }));
        }
      }
    });
    const pool = new Http2Pool(serverAt(server.port), new Deadlines());
    const first = await pool.open(ORIGIN, DIALING);
    first.release();
    for (const round of [1, 2]) {
      ahead += 2_000;
      const taking = [1, 2, 3, 4].map(() => pool.take(true));
      const taken = await within(Promise.all(taking), "all to have a stream");
      assert.equal(taken.filter((stream) => stream !== undefined).length, 4);
      assert.equal(pings, round);
      for (const stream of taken) stream?.release();
    }
    pool.close();
    await server.allGone();
  } finally {
    performance.now = real;
  }
});

Deno.test("Http2Pool keeps as many idle connections as it is to, once a burst is over", async () => {
  const real = performance.now;
  let ahead = 0;
  performance.now = () => real.call(performance) + ahead;
  try {
    // SETTINGS_MAX_CONCURRENT_STREAMS: a connection for each
    await using server = await startBackend(async (connection) => {
      await connection.write(settings([[3, 1]]));
      await connection.readRest();
    });
    for (const [maxIdle, kept] of [[2, 2], [0, 0]] as const) {
      const time = new ScriptedDeadlines();
      const pool = new Http2Pool({ ...serverAt(server.port), maxIdle }, time.deadlines);
      const streams = [];
      for (let i = 0; i < 3; i++) streams.push(await pool.open(ORIGIN, DIALING));
      for (const stream of streams) stream.release();
      assert.equal(pool.idleCount, maxIdle === 0 ? 0 : 3);
      ahead += 1_000;
      // the one that was begun last
      time.actions().at(-1)?.play();
      assert.equal(pool.idleCount, kept);
      pool.close();
      await server.allGone();
    }
  } finally {
    performance.now = real;
  }
});

Deno.test("AutoPool has those who wait for a server's choice share the failure, too", async () => {
  await using server = await startBackend(async (connection) => void await connection.readRest());
  let tries = 0;
  const tls = {
    secure: async () => {
      tries++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw new Error("It does not shake hands");
    },
  } as unknown as TlsClient;
  const pool = new AutoPool(serverAt(server.port, tls), new Deadlines());
  const opening = [1, 2, 3].map(() => pool.open(ORIGIN, DIALING));
  for (const opened of opening) {
    await assert.rejects(opened, { code: "connect_failed" });
  }
  assert.equal(tries, 1);
});
