import assert from "node:assert/strict";
import type { Connection } from "../lib/io/connection.ts";
import { OWN_COUNTERS } from "../lib/core/counters.ts";
import { Deadlines } from "../lib/io/deadlines.ts";
import { GatherWriter } from "../lib/io/gather_writer.ts";
import { PartReader } from "../lib/http1/part_reader.ts";
import { RequestDecoder } from "../lib/http1/request_decoder.ts";
import {
  type ForwardedPart,
  type ForwardedRequest,
  ForwardingDecoder,
} from "../lib/http1/request_stream.ts";
import { ignoreEvents } from "../lib/core/event.ts";
import { exchange, type ExchangeClient } from "../lib/proxy/exchange.ts";
import type { Backend } from "../lib/upstream/backend.ts";
import { Lease } from "../lib/upstream/lease.ts";
import { Server } from "../lib/upstream/server.ts";
import { UpstreamConnection } from "../lib/upstream/upstream_connection.ts";
import { WaitingRoom } from "../lib/upstream/waiting_room.ts";
import { fromLatin1, latin1 } from "./support/connection.ts";
import { encodeAnswer, encodeRequest } from "./support/http.ts";

/**
 * A server may answer before it has read the request. The end of the request is then still to be
 * written, from the buffer that the client's next bytes are read into: with the connection going
 * on, bytes of one request ended up in another. Real sockets show it once in a hundred times, so
 * this is played with connections of its own.
 */
Deno.test("exchange() keeps no connection alive while a part of the request is unwritten", async () => {
  const deadlines = new Deadlines();
  const limits = { headerBytes: 16_384, headers: 100 };
  const connection = new StuckServer(encodeAnswer("early"));
  const server = new Server({
    backend: "b",
    endpoint: { kind: "tcp", host: "192.0.2.2", port: 2 },
    settings: {
      pool: { maxIdle: 1, idleTimeout: 60_000 },
      health: undefined,
      ejection: { failures: 0, time: 1, maxTime: 1 },
      slowStart: 0,
      proxyProtocol: undefined,
      tls: undefined,
    },
    load: OWN_COUNTERS.count("load"),
    checked: true,
    room: new WaitingRoom({
      ...{ max: 0, timeout: 1, deadlines, shared: false },
      waiting: OWN_COUNTERS.count("waiting"),
    }),
    deadlines,
    observe: ignoreEvents,
  });
  const backend = {
    responseTimeout: 60_000,
    claim: () => server,
    lease: () => new Lease(server, new UpstreamConnection(connection, limits), false),
  } as unknown as Backend;

  const body = "x".repeat(1000);
  const chunks = [
    fromLatin1(encodeRequest("/", { method: "POST", fields: [`Content-Length: ${body.length}`] })),
    fromLatin1(body),
  ];
  const origin = { peer: "192.0.2.1", port: 1, proto: "https", defaultHost: "a" } as const;
  const requests = new PartReader<ForwardedPart>(
    { read: () => Promise.resolve(chunks.shift()) },
    new ForwardingDecoder(new RequestDecoder(limits), origin, () => {}),
  );
  const sent: string[] = [];
  using serverDeadline = deadlines.watch();
  const client: ExchangeClient = {
    origin: { peer: { host: "192.0.2.1", port: 1 }, local: { host: "192.0.2.1", port: 3 } },
    requests,
    answers: new GatherWriter({
      write: (bytes) => Promise.resolve(void sent.push(latin1(bytes))),
      endWrites: () => Promise.resolve(),
    }),
    reading: { renew() {}, start() {}, stop() {} },
    writing: { start() {}, stop() {} },
    serverDeadline,
    via: false,
    mayKeepAlive: true,
    progress: { began: 0, attempts: 0, reused: false, leased: 0, answered: 0 },
    lease: undefined,
    tunnel: () => Promise.reject(new Error("Nobody asked for an upgrade")),
  };
  const request = await requests.next() as ForwardedRequest;
  const result = await exchange(request, backend, client);
  assert.match(sent.join(""), /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n[^]*early$/);
  assert.deepEqual(connection.taken.length, 1, "the head; the body is stuck");
  assert.deepEqual([result.keepAlive, result.requestRead], [false, false]);
  assert.equal(server.pool.idleCount, 0);
  assert.ok(connection.closed);
});

/** Takes the head, then nothing more, and answers as soon as the body is there to be written. */
class StuckServer implements Connection {
  readonly peer = { host: "192.0.2.2", port: 2 };
  readonly local = { host: "192.0.2.1", port: 3 };
  readonly bytes = { read: 0, written: 0 };
  readonly taken: string[] = [];
  closed = false;
  readonly readable = new ReadableStream<Uint8Array>();
  readonly writable = new WritableStream<Uint8Array>();
  readonly #answer: string;
  readonly #stuck = Promise.withResolvers<void>();

  constructor(answer: string) {
    this.#answer = answer;
  }

  async read(): Promise<Uint8Array> {
    await this.#stuck.promise;
    return fromLatin1(this.#answer);
  }

  write(bytes: Uint8Array): Promise<void> {
    const text = latin1(bytes);
    if (text.startsWith("POST ")) return Promise.resolve(void this.taken.push(text));
    this.#stuck.resolve();
    return new Promise(() => {});
  }

  endWrites(): Promise<void> {
    return Promise.resolve();
  }

  readonly reading = false;

  receive(): never {
    throw new Error("It is read from by promises");
  }

  send(): never {
    throw new Error("It is written to by promises");
  }

  failReads(): void {}

  close(): void {
    this.closed = true;
  }

  reset(): void {
    this.close();
  }
}
