import assert from "node:assert/strict";
import { countedSource } from "../../tests/support/counted_source.ts";
import { SMALL_LIMITS } from "../../tests/support/feed.ts";
import { head } from "../../tests/support/good_requests.ts";
import { settled } from "../../tests/support/settled.ts";
import { ProxyError } from "../core/errors.ts";
import { ResponseDecoder } from "./response_decoder.ts";
import { ResponseStream } from "./response_stream.ts";

const OK = head("HTTP/1.1 200 OK", "Content-Length: 3");

/** The decoder, and a reader of its stream; an answer to a GET is due. */
function open(stream: ReadableStream<Uint8Array>) {
  const decoder = new ResponseDecoder(SMALL_LIMITS);
  decoder.expect("GET");
  return { decoder, reader: stream.pipeThrough(new ResponseStream(decoder)).getReader() };
}

Deno.test("ResponseStream gives one array of parts for each piece, and one at the end", async () => {
  const { decoder, reader } = open(countedSource([OK + "a", "bc", OK, "abc"]).stream);
  const read = async () => (await reader.read()).value?.map(({ kind }) => kind);
  assert.deepEqual(await read(), ["head", "data"]);
  assert.deepEqual(await read(), ["data", "end"]);
  decoder.expect("GET");
  assert.deepEqual(await read(), ["head"]);
  assert.deepEqual(await read(), ["data", "end"]);
  assert.deepEqual(await read(), []);
  assert.equal(await read(), undefined);
});

Deno.test("ResponseStream gives a failure when the server ends too early", async () => {
  const { reader } = open(countedSource([OK + "a"]).stream);
  await reader.read();
  const [part] = (await reader.read()).value ?? [];
  assert.ok(part?.kind === "failure");
  assert.equal(part.error.code, "truncated_response");
});

Deno.test("ResponseStream decodes nothing before somebody asks for it", async () => {
  const source = countedSource([OK, "a", "b", "c"]);
  const { decoder, reader } = open(source.stream);
  for (let asked = 0; asked < 4; asked++) {
    await settled();
    assert.ok(source.pulls <= asked + 1, "one piece may lie ready");
    assert.equal(decoder.idle, false);
    await reader.read();
  }
  assert.equal(decoder.idle, true);
});

Deno.test("ResponseStream passes the connection's error on", async () => {
  const gone = new ProxyError("upstream_gone", "gone");
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(gone) });
  await assert.rejects(open(broken).reader.read(), gone);
});
