import assert from "node:assert/strict";
import fc from "fast-check";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { countedSource } from "../../tests/support/counted_source.ts";
import { SMALL_LIMITS } from "../../tests/support/feed.ts";
import { head } from "../../tests/support/good_requests.ts";
import { settled } from "../../tests/support/settled.ts";
import { ProxyError } from "../core/errors.ts";
import { RequestDecoder } from "./request_decoder.ts";
import { type ForwardedPart, ForwardingDecoder, RequestStream } from "./request_stream.ts";

const ORIGIN = { peer: "192.0.2.7", port: 8443, proto: "https", defaultHost: "b" } as const;
const GET = head("GET / HTTP/1.1", "Host: a");
const POST = head("POST / HTTP/1.1", "Host: a", "Content-Length: 3");

class CountingDecoder extends RequestDecoder {
  fed = 0;

  override feed(bytes: Uint8Array) {
    this.fed++;
    return super.feed(bytes);
  }
}

/** A stream of requests that come in these pieces. */
function open(...pieces: readonly string[]) {
  const source = countedSource(pieces);
  const decoder = new CountingDecoder(SMALL_LIMITS);
  let headsBegun = 0;
  const stream = source.stream.pipeThrough(
    new RequestStream(decoder, ORIGIN, () => void headsBegun++),
  );
  return {
    source,
    decoder,
    stream,
    reader: stream.getReader(),
    get headsBegun() {
      return headsBegun;
    },
  };
}

function kinds(parts: readonly ForwardedPart[] | undefined): string[] | undefined {
  return parts?.map(({ kind }) => kind);
}

Deno.test("RequestStream gives the head that a backend is to get", async () => {
  const { reader } = open(head("GET http://a/b HTTP/1.1", "Host: a", "TE: x", "C: \xe9"));
  const [request] = (await reader.read()).value ?? [];
  assert.ok(request?.kind === "head");
  assert.equal(
    request.forwarded,
    "GET /b HTTP/1.1\r\nHost: a\r\nC: \xe9\r\nX-Forwarded-For: 192.0.2.7\r\n" +
      "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\nX-Forwarded-Port: 8443\r\n" +
      `X-Request-Id: ${request.id}\r\n\r\n`,
  );
});

Deno.test("RequestStream gives one array of parts for each piece, and one at the end", async () => {
  const { reader } = open(GET + POST, "ab", "c" + GET, "G");
  const arrays: (string[] | undefined)[] = [];
  for (let i = 0; i < 6; i++) arrays.push(kinds((await reader.read()).value));
  assert.deepEqual(arrays, [
    ["head", "head"],
    ["data"],
    ["data", "end", "head"],
    [],
    ["failure"],
    undefined,
  ]);
});

Deno.test("RequestStream decodes nothing before somebody asks for it", async () => {
  const { source, decoder, reader } = open(GET, GET, GET);
  await settled();
  assert.equal(decoder.fed, 0);
  assert.ok(source.pulls <= 1, "one piece may lie ready");
  for (let asked = 1; asked <= 3; asked++) {
    await reader.read();
    await settled();
    assert.equal(decoder.fed, asked);
    assert.ok(source.pulls <= asked + 1);
  }
});

Deno.test("RequestStream says when a head has begun but not ended", async () => {
  const counts = async (...pieces: readonly string[]) => {
    const stream = open(...pieces);
    for (const _ of pieces) await stream.reader.read();
    return stream.headsBegun;
  };
  assert.equal(await counts(GET), 0);
  assert.equal(await counts(POST, "abc"), 0);
  assert.equal(await counts(GET.slice(0, 1), GET.slice(1, 9), GET.slice(9)), 1);
  assert.equal(await counts("\r", "\n" + GET), 1);
  assert.equal(await counts(GET + "G"), 1);
  assert.equal(await counts(POST + "abcG", "E"), 1);
  assert.equal(await counts("G", GET.slice(1) + "G", GET.slice(1)), 2);
});

Deno.test("RequestStream passes the connection's error on", async () => {
  const gone = new ProxyError("client_gone", "gone");
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(gone) });
  const stream = new RequestStream(new RequestDecoder(SMALL_LIMITS), ORIGIN, () => {});
  await assert.rejects(broken.pipeThrough(stream).getReader().read(), gone);
});

Deno.test("ForwardingDecoder forwards a request as if it were the first", () => {
  const lines = [
    "GET /a HTTP/1.1",
    "GET /b HTTP/1.1",
    "POST http://c/ HTTP/1.1",
    "GET http://C/ HTTP/1.1",
    "GET http://d/ HTTP/1.0",
    "GET / HTTP/1.0",
    "OPTIONS /a HTTP/1.1",
  ];
  const fields = [
    [],
    ["Host: a", "Max-Forwards: 5", "X-Real-IP: 6.6.6.6"],
    ["Host: a"],
    ["Host: c"],
    ["Host: a", "X-Forwarded-For: 1.2.3.4", "Via: 1.1 x"],
    ["Host: a", "X-Request-Id: theirs"],
    ["Host: c", "Connection: B", "B: c", "Content-Length: 1"],
  ];
  const requests = lines.flatMap((line) => fields.map((fields) => head(line, ...fields) + "x"));
  const origins = [ORIGIN, { ...ORIGIN, trusted: true, standard: true, via: true }];
  const order = fc.array(fc.constantFrom(...requests), { maxLength: 12 });
  fc.assert(
    fc.property(order, fc.constantFrom(...origins), (order, origin) => {
      const make = () => new ForwardingDecoder(new RequestDecoder(SMALL_LIMITS), origin, () => {});
      let decoder = make();
      for (const request of order) {
        const text = forwardedBy(decoder, request);
        assert.equal(text, forwardedBy(make(), request));
        // nothing is read behind one that is refused
        if (text === undefined) decoder = make();
      }
    }),
    { numRuns: 1000 },
  );
});

/** What a backend gets, but for the ids that are made here, which differ. */
function forwardedBy(decoder: ForwardingDecoder, request: string): string | undefined {
  const body = request.includes("Content-Length") ? request : request.slice(0, -1);
  const [part] = decoder.feed(fromLatin1(body));
  if (part?.kind !== "head") return undefined;
  assert.ok(part.forwarded.endsWith(`X-Request-Id: ${part.id}\r\n\r\n`));
  return part.forwarded.replace(/(X-Request-Id: )[0-9a-f]{8}-[0-9a-z]+\r\n/, "$1ours\r\n");
}
