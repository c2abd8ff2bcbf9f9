import assert from "node:assert/strict";
import type { Connection } from "../lib/core/connection.ts";
import { Deadlines } from "../lib/core/deadlines.ts";
import { GatherWriter } from "../lib/core/gather_writer.ts";
import { PartReader } from "../lib/http1/part_reader.ts";
import { RequestDecoder } from "../lib/http1/request_decoder.ts";
import { type ForwardedRequest, RequestStream } from "../lib/http1/request_stream.ts";
import { exchange, type ExchangeClient } from "../lib/proxy/exchange.ts";
import type { Backend } from "../lib/upstream/backend.ts";
import { Pool } from "../lib/upstream/pool.ts";
import { UpstreamConnection } from "../lib/upstream/upstream_connection.ts";
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
  const pool = new Pool({ maxIdle: 1, idleTimeout: 60_000, deadlines });
  const server = new StuckServer(encodeAnswer("early"));
  const backend = {
    responseTimeout: 60_000,
    lease: () => ({ lease: pool.lease(new UpstreamConnection(server, limits)), server: "x" }),
  } as unknown as Backend;

  const body = "x".repeat(1000);
  const requests = new PartReader(
    ReadableStream.from([
      fromLatin1(
        encodeRequest("/", { method: "POST", fields: [`Content-Length: ${body.length}`] }),
      ),
      fromLatin1(body),
    ]).pipeThrough(
      new RequestStream(
        new RequestDecoder(limits),
        { peer: "192.0.2.1", port: 1, proto: "https", defaultHost: "a" },
        () => {},
      ),
    ),
  );
  const sent: string[] = [];
  using serverDeadline = deadlines.watch();
  const client: ExchangeClient = {
    requests,
    answers: new GatherWriter(
      new WritableStream({ write: (chunk) => void sent.push(latin1(chunk)) }),
    ),
    reading: { start() {}, stop() {} },
    writing: { start() {}, stop() {} },
    serverDeadline,
    bodyIdle: 60_000,
    mayKeepAlive: () => true,
    onLease: () => {},
  };
  const request = await requests.next() as ForwardedRequest;
  const result = await exchange(request, backend, client);
  assert.match(sent.join(""), /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n[^]*early$/);
  assert.deepEqual(server.taken.length, 1, "the head; the body is stuck");
  assert.deepEqual([result.keepAlive, result.requestRead], [false, false]);
  assert.equal(pool.idleCount, 0);
  assert.ok(server.closed);
});

/** Takes the head, then nothing more, and answers as soon as the body is there to be written. */
class StuckServer implements Connection {
  readonly peer = { host: "192.0.2.2", port: 2 };
  readonly local = { host: "192.0.2.1", port: 3 };
  readonly bytes = { read: 0, written: 0 };
  readonly taken: string[] = [];
  closed = false;
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;

  constructor(answer: string) {
    const stuck = Promise.withResolvers<void>();
    this.readable = new ReadableStream({
      async pull(controller) {
        await stuck.promise;
        controller.enqueue(fromLatin1(answer));
      },
    }, { highWaterMark: 0 });
    this.writable = new WritableStream({
      write: (chunk) => {
        const text = latin1(chunk);
        if (text.startsWith("POST ")) return void this.taken.push(text);
        stuck.resolve();
        return new Promise(() => {});
      },
    });
  }

  failReadable(): void {}

  close(): void {
    this.closed = true;
  }
}
