import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { acceptedRequests } from "../../tests/support/accepted_requests.ts";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { within } from "../../tests/support/deadline.ts";
import { head } from "../../tests/support/good_requests.ts";
import { encodeBodyPart } from "./body_encoder.ts";
import type { Field } from "../http/field.ts";
import { parseRequestHead } from "./head.ts";
import { RequestDecoder } from "./request_decoder.ts";
import { type ForwardedRequest, RequestStream } from "./request_stream.ts";

const CASES = 100;
const SENTINEL = head("GET /sentinel HTTP/1.1", "Host: sentinel");

Deno.test({
  name: "RequestStream forwards what another parser reads in the same way",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using server = await startServer();
    for (const text of fc.sample(acceptedRequests, CASES)) {
      const { request, wire, body } = await forwarded(text);
      // what comes behind one is no HTTP
      if (request.upgrade !== undefined) continue;
      // what comes next on the connection shows whether the two agree on where the body ends
      const [first, second, ...more] = await server.read(wire + SENTINEL);
      const { method, target, fields } = parseRequestHead(fromLatin1(request.forwarded), 200);
      assert.deepEqual(first, { method, target, lines: linesOf(fields), body }, text);
      assert.equal(second?.target, "/sentinel", text);
      assert.deepEqual(more, []);
    }
  },
});

/** A request as the other parser understands it. */
interface Seen {
  readonly method: string | undefined;
  readonly target: string | undefined;
  /** Names and values in turn. */
  readonly lines: readonly string[];
  readonly body: string;
}

function linesOf(fields: readonly Field[]): string[] {
  return fields.flatMap(({ name, value }) => [name, value]);
}

/** What a backend gets for a request, and its body alone. */
async function forwarded(
  text: string,
): Promise<{ request: ForwardedRequest; wire: string; body: string }> {
  const decoder = new RequestDecoder({ headerBytes: 16 * 1024, headers: 100 });
  const origin = { peer: "192.0.2.7", port: 8443, proto: "https", defaultHost: "b" } as const;
  const stream = new RequestStream(decoder, origin, () => {});
  const parts = (await Array.fromAsync(ReadableStream.from([fromLatin1(text)]).pipeThrough(stream)))
    .flat();
  const [request, ...bodyParts] = parts;
  assert.ok(request?.kind === "head", text);
  let wire = request.forwarded;
  let body = "";
  for (const part of bodyParts) {
    assert.ok(part.kind === "data" || part.kind === "end");
    encodeBodyPart(part, request.framing, (piece) => wire += latin1(piece));
    if (part.kind === "data") body += latin1(part.bytes);
  }
  return { request, wire, body };
}

/** A server of the runtime, which knows nothing of this proxy's parser. */
async function startServer() {
  let seen: Seen[] = [];
  let failed: Error | undefined;
  const server = http.createServer((request, response) => {
    const { method, url: target, rawHeaders: lines } = request;
    let body = "";
    request.on("data", (bytes: Uint8Array) => body += latin1(bytes));
    request.on("end", () => {
      seen.push({ method, target, lines, body });
      if (target === "/sentinel") response.setHeader("Connection", "close");
      response.end();
    });
  });
  server.on("clientError", (error, socket) => {
    failed = error;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    /** Every request that it sees in these bytes. */
    async read(wire: string): Promise<Seen[]> {
      seen = [];
      failed = undefined;
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const writer = connection.writable.getWriter();
      await writer.write(fromLatin1(wire));
      writer.releaseLock();
      const buffer = new Uint8Array(1024);
      const ended = async () => {
        while (await connection.read(buffer) !== null);
      };
      await within(ended(), () => `an answer to ${JSON.stringify(wire)}`, 5000);
      assert.equal(failed, undefined, JSON.stringify(wire));
      return seen;
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
