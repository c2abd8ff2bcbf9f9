import assert from "node:assert/strict";
import { settled } from "../../tests/support/settled.ts";
import { ProxyError } from "../core/errors.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { RequestDecoder, type RequestPart } from "./request_decoder.ts";
import { RequestStream } from "./request_stream.ts";

const LIMITS = { headerBytes: 1024, headers: 10, body: 10 };
const REQUEST =
  "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n";

/** The stream's other end, and what it gives. */
function open(options?: { readonly bodies: boolean }) {
  let give!: ReadableStreamDefaultController<Uint8Array>;
  const decoder = new RequestDecoder(LIMITS);
  const bytes = new ReadableStream<Uint8Array>({
    start: (controller) => void (give = controller),
  }, { highWaterMark: 0 });
  const parts = bytes.pipeThrough(new RequestStream(decoder, options)).getReader();
  return {
    parts,
    give: (text: string) => give.enqueue(encodeLatin1(text)),
    end: () => give.close(),
    fail: (error: Error) => give.error(error),
    decoder,
  };
}

async function allOf(parts: ReadableStreamDefaultReader<RequestPart>): Promise<RequestPart[]> {
  const all: RequestPart[] = [];
  for (let next = await parts.read(); !next.done; next = await parts.read()) all.push(next.value);
  return all;
}

Deno.test("RequestStream gives the parts of requests, however their bytes come", async () => {
  for (const size of [1, 7, 1000]) {
    const stream = open();
    const text = REQUEST + REQUEST;
    for (let at = 0; at < text.length; at += size) stream.give(text.slice(at, at + size));
    stream.end();
    const parts = await allOf(stream.parts);
    const heads = parts.filter((part) => part.kind === "head").map(({ target }) => target.path);
    assert.deepEqual(heads, ["/a", "/a"]);
    const bytes = parts.flatMap((part) => part.kind === "data" ? [...part.bytes] : []);
    assert.deepEqual(bytes, [...encodeLatin1("xyxy")]);
    assert.equal(parts.at(-1)?.kind, "end");
  }
});

Deno.test("RequestStream keeps nothing of bodies that nobody wants, and bounds them all the same", async () => {
  const stream = open({ bodies: false });
  const tooLarge = `${REQUEST.slice(0, REQUEST.indexOf("2\r\n"))}${"1\r\na\r\n".repeat(11)}`;
  stream.give(REQUEST + tooLarge);
  stream.end();
  const parts = await allOf(stream.parts);
  assert.deepEqual(parts.map(({ kind }) => kind), ["head", "end", "head", "failure"]);
});

Deno.test("RequestStream decodes nothing before somebody asks for it", async () => {
  const stream = open();
  stream.give(REQUEST.slice(0, 30));
  await settled();
  assert.equal(stream.decoder.insideHead, false);
  const next = stream.parts.read();
  await settled();
  assert.equal(stream.decoder.insideHead, true);
  stream.give(REQUEST.slice(30));
  assert.equal((await next).value?.kind, "head");
});

Deno.test("RequestStream gives what came before a failure, and then that", async () => {
  const stream = open();
  stream.give(REQUEST + "no HTTP\r\n\r\n");
  stream.give(REQUEST);
  stream.end();
  const parts = await allOf(stream.parts);
  assert.deepEqual(parts.map(({ kind }) => kind), ["head", "data", "end", "failure"]);
});

Deno.test("RequestStream says that a request was cut off", async () => {
  const stream = open();
  stream.give(REQUEST.slice(0, 30));
  stream.end();
  const [part] = await allOf(stream.parts);
  assert.ok(part?.kind === "failure");
  assert.equal(part.error.code, "truncated_request");
});

Deno.test("RequestStream passes the connection's error on", async () => {
  const gone = new ProxyError("client_gone", "gone");
  const stream = open();
  const next = stream.parts.read();
  stream.fail(gone);
  await assert.rejects(next, gone);
});
