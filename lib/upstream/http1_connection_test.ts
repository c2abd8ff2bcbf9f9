import assert from "node:assert/strict";
import { encodeAnswer, encodeRequest } from "../../tests/support/http.ts";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { tcpPair } from "../../tests/support/tcp_pair.ts";
import type { Forwarding } from "../http/message.ts";
import { IncomingRequest } from "../http1/incoming_request.ts";
import { NO_BYTES, POOLED_BYTES } from "../io/buffer_pool.ts";
import { Deadlines } from "../io/deadlines.ts";
import { HEAD_ROOM, RoomyBuffer } from "../io/roomy_buffer.ts";
import { Http1Connection } from "./http1_connection.ts";

const SMALL = 8 * 1024;
const LIMITS = { headerBytes: 1024, headers: 10 };
const FORWARDING: Forwarding = {
  ...{ peer: "192.0.2.7", port: 443, proto: "https", defaultHost: "b" },
  ...{ trusted: false, standard: false, via: false },
};
const SENDING = {
  forwarding: FORWARDING,
  changes: undefined,
  chunks: false,
  answerChunks: false,
};

Deno.test("Http1Connection has a large buffer only for as long as answers are long", async () => {
  await using pair = await tcpPair();
  const { connection: tcp, far } = pair;
  /** Bytes of the buffers that it reads into, from their beginning. */
  const rooms: number[] = [];
  const receive = tcp.receive.bind(tcp);
  tcp.receive = (into, receiver) => {
    if (into.byteOffset === HEAD_ROOM) rooms.push(into.length);
    receive(into, receiver);
  };
  const server = new Http1Connection(tcp, {
    home: { mayPool: true, put: (idle) => idle.wait(Infinity, () => {}) },
    limits: LIMITS,
    deadline: new Deadlines().watch(),
  });

  /** The room that each read from a buffer's beginning had, up to the one that waits for more. */
  async function ask(bytes: number): Promise<readonly number[]> {
    const answer = answered(server);
    await far.readUntil("\r\n\r\n");
    await far.write(encodeAnswer("x".repeat(bytes)));
    assert.equal(await answer, bytes);
    return rooms.splice(0);
  }

  assert.deepEqual(await ask(10), [SMALL, SMALL], "a small one");
  const [first, second, ...more] = await ask(300_000);
  assert.deepEqual([first, second], [POOLED_BYTES, POOLED_BYTES], "behind a full small one");
  assert.ok(more.every((room) => room === POOLED_BYTES), `${more}`);
  assert.deepEqual(new Set(await ask(200_000)), new Set([POOLED_BYTES]), "another long one");
  assert.deepEqual(await ask(10), [SMALL], "small again");
  assert.deepEqual(await ask(0), [SMALL]);
  server.abort();
});

/** Asks for something. @returns bytes of the answer's body */
function answered(server: Http1Connection): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let count = 0;
  server.send(request(), SENDING, {
    sent: () => {},
    answer: () => {},
    answerBody: (_bytes, from, to, ended) => {
      count += to - from;
      if (!ended) return server.resume();
      server.release();
      resolve(count);
    },
    answerTrailers: () => reject(new Error("no trailers were sent")),
    serverFailed: reject,
  });
  server.body(NO_BYTES, 0, 0, true);
  return promise;
}

function request(): IncomingRequest {
  const bytes = fromLatin1(encodeRequest("/"));
  const buffer = new RoomyBuffer(HEAD_ROOM + bytes.length);
  buffer.bytes.set(bytes, HEAD_ROOM);
  const request = new IncomingRequest();
  request.begin(HEAD_ROOM, LIMITS);
  assert.equal(request.read(buffer, buffer.bytes.length), true);
  return request;
}
