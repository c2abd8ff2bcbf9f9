import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { acceptedRequests } from "../../tests/support/accepted_requests.ts";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { within } from "../../tests/support/deadline.ts";
import { head } from "../../tests/support/good_requests.ts";
import type { Field } from "../http/field.ts";
import { type Forwarding, type Range, UNKNOWN_LENGTH } from "../http/message.ts";
import { HEAD_ROOM, RoomyBuffer } from "../io/roomy_buffer.ts";
import { requestBodyRules } from "./body_rules.ts";
import { BodyWalk } from "./body_walk.ts";
import { parseRequestHead } from "./head.ts";
import { IncomingRequest } from "./incoming_request.ts";
import { lastChunkText } from "./last_chunk.ts";

const CASES = 100;
const SENTINEL = head("GET /sentinel HTTP/1.1", "Host: sentinel");

Deno.test({
  name: "IncomingRequest and BodyWalk forward what another parser reads in the same way",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    await using server = await startServer();
    const cases = fc.tuple(acceptedRequests, fc.nat(100), fc.boolean());
    for (const [text, cut, chunks] of fc.sample(cases, CASES)) {
      const { request, headText, wire, body } = forwarded(text, { cut, chunks });
      // what comes behind one is no HTTP
      if (request.upgrade !== undefined) continue;
      // what comes next on the connection shows whether the two agree on where the body ends
      const [first, second, ...more] = await server.read(wire + SENTINEL);
      const { method, target, fields } = parseRequestHead(fromLatin1(headText), 200);
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

/**
 * What a server gets for a request, and its body alone.
 *
 * @param cut where the text is cut in two, in percent of its length
 * @param chunks whether a body of unknown length goes on in chunks as it comes, or is framed behind
 */
function forwarded(text: string, { cut, chunks }: { cut: number; chunks: boolean }) {
  const bytes = fromLatin1(text);
  const buffer = new RoomyBuffer(HEAD_ROOM + bytes.length);
  const request = new IncomingRequest();
  const walk = new BodyWalk();
  request.begin(HEAD_ROOM, LIMITS);
  let headText: string | undefined;
  let body = "";
  for (const place of [Math.floor(bytes.length * cut / 100), bytes.length]) {
    buffer.bytes.set(bytes.subarray(0, place), HEAD_ROOM);
    const filled = HEAD_ROOM + place;
    if (headText === undefined) {
      if (!request.read(buffer, filled)) continue;
      walk.begin(request.body, true, RULES);
      walk.chunks = chunks;
      walk.at = request.end;
      headText = textOf(request.toHttp1(ORIGIN, undefined));
    }
    walk.take(buffer, walk.at, filled);
    body += textOf({ bytes: walk.buffer, from: walk.from, to: walk.to });
  }
  assert.ok(headText !== undefined && walk.ended, text);
  const isOpen = request.body === UNKNOWN_LENGTH;
  const size = body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`;
  const framed = isOpen && !chunks ? size + lastChunkText(walk.trailers) : body;
  const data = isOpen && chunks ? dechunked(body) : body;
  return { request, headText, wire: headText + framed, body: data };
}

/** The data of chunks that are spelled as this proxy spells them. */
function dechunked(text: string): string {
  const [line = ""] = /^[0-9a-f]+\r\n/.exec(text) ?? [];
  const size = parseInt(line, 16);
  assert.ok(line !== "", JSON.stringify(text));
  if (size === 0) return "";
  const end = line.length + size;
  return text.slice(line.length, end) + dechunked(text.slice(end + 2));
}

function textOf({ bytes, from, to }: Range): string {
  return latin1(bytes.subarray(from, to));
}

const LIMITS = { headerBytes: 16 * 1024, headers: 100 };

const RULES = requestBodyRules(LIMITS);

const ORIGIN: Forwarding = {
  peer: "192.0.2.7",
  port: 8443,
  proto: "https",
  defaultHost: "b",
  trusted: false,
  standard: false,
  via: false,
};

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
      await within(ended(), () => `an answer to ${JSON.stringify(wire)}`);
      assert.equal(failed, undefined, JSON.stringify(wire));
      return seen;
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
