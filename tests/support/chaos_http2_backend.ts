/**
 * A backend of the chaos test that speaks HTTP/2 with prior knowledge, as a process:
 * `chaos_http2_backend.ts PORT`. What it answers and how it is told what to do is as with
 * `chaos_backend.ts`; it is checked by `grpc.health.v1`.
 */
import { Buffer } from "node:buffer";
import http2, { type Http2Stream, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { expectedBody } from "./chaos_answer.ts";
import { aWhile, Orders } from "./chaos_orders.ts";

const orders = new Orders();
const server = http2.createServer();
/** What sessions are on: to destroy one says GOAWAY, at which the runtime's library may abort. */
const sockets = new WeakMap<object, Socket>();
let accepted: Socket;
server.prependListener("connection", (socket: Socket) => accepted = socket);
server.on("session", (session) => {
  sockets.set(session, accepted);
  session.on("error", () => {});
});
server.on("stream", (stream, head) => {
  stream.on("error", () => {});
  answer(stream as ServerHttp2Stream, String(head[":path"])).catch(() => cutOff(stream));
});
server.listen(Number(Deno.args[0]), "127.0.0.1", () => {
  orders.take((server.address() as AddressInfo).port);
});

async function answer(stream: ServerHttp2Stream, path: string): Promise<void> {
  const number = Number(/\/n\/(\d+)$/.exec(path)?.[1] ?? -1);
  const body = number < 0 ? SERVING : Buffer.from(await expectedBody(number));
  switch (orders.behaviour) {
    case "good":
      return give(stream, body, number);
    case "slow":
      await aWhile();
      return give(stream, body, number);
    case "babble":
      // what nobody has asked for
      stream.additionalHeaders({ ":status": 103, link: "</poison>" });
      stream.session?.ping(() => {});
      return give(stream, body, number);
    case "garbage":
      return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    case "silent":
      return cutOff(stream);
    case "truncate":
      stream.respond({ ":status": 200, "content-length": body.length });
      stream.write(body.subarray(0, 3), () => cutOff(stream));
  }
}

function cutOff({ session }: Http2Stream): void {
  if (session !== undefined) sockets.get(session)?.destroy();
}

/** Every other body is of a length that nobody knows before its end, which is one of trailers. */
function give(stream: ServerHttp2Stream, body: Buffer, number: number): void {
  if (number >= 0 && number % 2 === 0) {
    stream.respond({ ":status": 200, "content-length": body.length });
  } else {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  }
  stream.end(body);
}

/** A `HealthCheckResponse` of gRPC that says SERVING. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
