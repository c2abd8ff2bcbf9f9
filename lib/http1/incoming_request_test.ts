import assert from "node:assert/strict";
import fc from "fast-check";
import { acceptedRequests } from "../../tests/support/accepted_requests.ts";
import { BAD_REQUESTS } from "../../tests/support/bad_requests.ts";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { GOOD_REQUESTS, head } from "../../tests/support/good_requests.ts";
import { mutated } from "../../tests/support/mutate.ts";
import { REAL_REQUESTS } from "../../tests/support/real_heads.ts";
import { SMUGGLING } from "../../tests/support/smuggling.ts";
import { DIRECT } from "../../tests/support/forwarding.ts";
import { ProxyError } from "../core/errors.ts";
import { type Field, hasRole, hasToken, valuesOf } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";
import { changedRequestFields } from "../http/changed_fields.ts";
import type { Forwarding, Range, RequestChanges, RequestHead } from "../http/message.ts";
import { isRequestId } from "../http/request_id.ts";
import { HEAD_ROOM, RoomyBuffer } from "../io/roomy_buffer.ts";
import { bodyOf } from "./framing.ts";
import { parseRequestHead } from "./head.ts";
import { IncomingRequest } from "./incoming_request.ts";
import { keepsAlive } from "./persistence.ts";
import { PlainRequest } from "./plain_request.ts";
import { RequestDecoder, type RequestHeadPart } from "./request_decoder.ts";
import { requestFields } from "./request_rewrite.ts";

const LIMITS = { headerBytes: 1024, headers: 20, body: 1e12 };

const FORWARDINGS: readonly Forwarding[] = [
  DIRECT,
  { ...DIRECT, trusted: true, standard: true },
  { ...DIRECT, peer: "2001:db8::1", standard: true, via: true },
  { ...DIRECT, trusted: true, via: true, defaultHost: "::1", proto: "http" },
];

const CHANGES: readonly (RequestChanges | undefined)[] = [
  undefined,
  {
    remove: new Set(["user-agent", "b", "x-env", "authorization"]),
    add: [{ name: "X-Env", value: "prod" }, { name: "A", value: "" }],
    path: undefined,
  },
  { remove: new Set(["cookie", "accept"]), add: [], path: "/another/path?that=is&longer" },
  { remove: new Set(["content-length", "x-request-id", "via"]), add: [], path: "/" },
  {
    ...{ path: undefined, host: "other.example:8080", remove: new Set(["a"]) },
    // behind what is there of the same names
    add: [{ name: "X-B", value: "prod" }, { name: "Cookie", value: "a=b" }],
  },
];

/** As long as what is plain, and other than that by a little. */
const ALMOST_PLAIN = [
  ...["CHUNKED", "chunkee", "xhunked"].map((coding) => `Transfer-Encoding: ${coding}`),
  ...["Keep-Alivf", "Xeep-alive", "closf", "CLOSE", "keep-alive, close", "X-B"]
    .map((option) => `Connection: ${option}`),
  ...["00", "03", "3x", "x3", "-3", "99999999999", "123456789012345", "1234567890123456"]
    .map((length) => `Content-Length: ${length}`),
  ...["100-continuf", "200-continue", "100-CONTINUE"].map((value) => `Expect: ${value}`),
  ...["a b", "a", 'a"', "a".repeat(128), "a".repeat(129)].map((id) => `X-Request-Id: ${id}`),
  "Expect:  100-continue",
  "Upgrade: a",
].flatMap((line) =>
  ["HTTP/1.1", "HTTP/1.0"].map((version) => head(`GET / ${version}`, "Host: a", line, "X-B: d"))
);

/** What is changed or asked for by hops, in every method that heeds it and one that does not. */
const HOPS = ["OPTIONS", "TRACE", "GET"].flatMap((method) =>
  ["Max-Forwards: 0", "Max-Forwards: 3", "TE: trailers", "Via: 1.1 a"].map((line) =>
    head(`${method} / HTTP/1.1`, "Host: a", line)
  )
);

const ALL_REQUESTS = [
  // a name that is reserved (RFC 9110, section 18.4), but may come
  head("GET / HTTP/1.1", "Host: a", "Connection: close", "Close: b"),
  ...ALMOST_PLAIN,
  ...HOPS,
  ...GOOD_REQUESTS.map(({ messages }) => messages.join("")),
  ...BAD_REQUESTS.map(([, , bytes]) => bytes),
  ...SMUGGLING.map(([, bytes]) => bytes),
  ...Object.values(REAL_REQUESTS).map((make) => make(7)),
];

Deno.test("IncomingRequest says what the slow way says, whole and byte by byte", () => {
  for (const text of ALL_REQUESTS) {
    for (const forwarding of FORWARDINGS) check(text, forwarding, undefined);
    for (const changes of CHANGES) check(text, DIRECT, changes);
  }
});

Deno.test("IncomingRequest says what the slow way says of damaged heads", () => {
  const real = Object.values(REAL_REQUESTS).map((make) => make(3));
  const cases = fc.oneof(
    mutated(real).map(latin1),
    mutated(ALL_REQUESTS).map(latin1),
    acceptedRequests,
  );
  fc.assert(
    fc.property(cases, fc.constantFrom(...FORWARDINGS), fc.constantFrom(...CHANGES), check),
    { numRuns: 2000 },
  );
});

const PLAIN = [
  "chromium",
  "firefox",
  "curl",
  "an upload of curl",
  "an API's client",
  "another proxy",
  "a benchmark",
];

for (const name of PLAIN) {
  Deno.test(`PlainRequest takes the head of ${name}, and rewrites it`, () => {
    const text = REAL_REQUESTS[name]?.(7) ?? "";
    const buffer = filled(text);
    const plain = new PlainRequest();
    plain.begin(HEAD_ROOM);
    assert.equal(plain.read(buffer, buffer.bytes.length, 100), "whole");
    assert.equal(plain.rewrite(buffer.bytes, DIRECT, { idNumber: 1, changes: undefined }), true);
    assert.match(
      latin1(buffer.bytes.subarray(plain.line.start)),
      /HTTP\/1\.1\r\nX-Forwarded-For: /,
    );
  });
}

Deno.test("PlainRequest does what a rule says, but for fields that are written here", () => {
  for (
    const [changes, isPlain] of [[CHANGES[1], true], [CHANGES[2], true], [
      CHANGES[3],
      false,
    ]] as const
  ) {
    const buffer = filled(REAL_REQUESTS["chromium"]?.(7) ?? "");
    const plain = new PlainRequest();
    plain.begin(HEAD_ROOM);
    assert.equal(plain.read(buffer, buffer.bytes.length, 100), "whole");
    assert.equal(plain.rewrite(buffer.bytes, DIRECT, { idNumber: 1, changes }), isPlain);
  }
});

Deno.test("IncomingRequest holds a body's length to its limit, where there is one", () => {
  // one that is plain, and one that is not
  for (const option of ["close", "x-a"]) {
    const lines = ["Host: a", `Connection: ${option}`, "Content-Length: 11"];
    const bytes = filled(head("POST / HTTP/1.1", ...lines));
    const readWith = (body: number | undefined) => {
      const request = new IncomingRequest();
      request.begin(HEAD_ROOM, { ...LIMITS, ...(body === undefined ? {} : { body }) });
      return request.read(bytes, bytes.bytes.length) && request.body;
    };
    for (const limit of [undefined, 0, 11]) assert.equal(readWith(limit), 11);
    assert.throws(() => readWith(10), { code: "body_too_large" });
  }
});

Deno.test("IncomingRequest says how much has come of a head that is refused", () => {
  const cases: [head: string, bytes: number][] = [
    ["GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\nGET / HTTP", 35],
    [`GET / HTTP/1.1\r\nA: ${"a".repeat(2_000)}`, 2_019],
    ["GET / HTTP/1.1\r\nHost: a", 23],
  ];
  for (const [text, bytes] of cases) {
    const request = new IncomingRequest();
    request.begin(HEAD_ROOM, LIMITS);
    const buffer = filled(text);
    try {
      assert.equal(request.read(buffer, buffer.bytes.length), false);
    } catch (error) {
      assert.ok(error instanceof ProxyError, String(error));
    }
    assert.equal(request.refusedBytes, bytes, text);
  }
});

Deno.test("IncomingRequest expects a 100 Continue where it is asked of the server, too", () => {
  for (
    const [option, expects] of [["close", true], ["x-a", true], ["x-a, Expect", false]] as const
  ) {
    const lines = ["Host: a", `Connection: ${option}`, "Expect: 100-continue", "Content-Length: 1"];
    const request = read(head("POST / HTTP/1.1", ...lines));
    assert.equal(request.expectsContinue, expects, option);
    assert.equal(/\r\nExpect: /.test(sentText(request, DIRECT)), expects, option);
  }
});

Deno.test("IncomingRequest.toHttp1() gives the same again, for another try", () => {
  for (const name of ["chromium", "websocket"]) {
    const request = read(REAL_REQUESTS[name]?.(7) ?? "");
    const first = sentText(request, DIRECT);
    assert.equal(sentText(request, DIRECT), first);
    assert.match(first, new RegExp(`\r\nX-Request-Id: ${request.id}\r\n`));
  }
});

Deno.test("IncomingRequest.toHttp1() makes a head of its own where there is no room", () => {
  const text = head("GET /a HTTP/1.1", "Host: a.example", "B: c");
  for (const room of [0, 20, 200, 250, 300]) {
    const request = read(text, { room });
    const sent = sentText(request, DIRECT);
    const { fields } = parseRequestHead(fromLatin1(sent), 100);
    assert.deepEqual(valuesOf(fields, "b"), ["c"]);
    assert.deepEqual(valuesOf(fields, "x-forwarded-for"), [DIRECT.peer]);
    assert.match(sent, /^GET \/a HTTP\/1\.1\r\n/);
  }
});

Deno.test("IncomingRequest.toHttp1() does what a rule says, and keeps the framing", () => {
  const changes = {
    remove: new Set(["b", "user-agent", "content-length", "connection"]),
    add: [{ name: "X-Env", value: "prod" }],
    path: "/c?d",
  };
  const text = head("POST /a HTTP/1.1", "Host: a", "B: b", "Content-Length: 3", "User-Agent: x");
  const request = read(text);
  const { id } = request;
  const sent = latin1(bytesOf(request.toHttp1(DIRECT, changes)));
  assert.match(
    sent,
    /^POST \/c\?d HTTP\/1\.1\r\nHost: a\r\nContent-Length: 3\r\nX-Forwarded-For: /,
  );
  assert.ok(sent.endsWith(`X-Request-Id: ${id}\r\nX-Env: prod\r\n\r\n`), sent);
  assert.equal(request.path, "/a");
});

Deno.test("IncomingRequest.each() gives what HTTP/2 may have, also behind a try by HTTP/1.1", () => {
  for (const tried of [false, true]) {
    for (const name of ["chromium", "perl", "an API's client", "a benchmark"]) {
      const request = read(REAL_REQUESTS[name]?.(7) ?? "");
      if (tried) request.toHttp1(DIRECT, undefined);
      const fields: string[] = [];
      request.each((name, value) => fields.push(`${name}: ${value}`), DIRECT, undefined);
      const names = fields.map((line) => line.slice(0, line.indexOf(":")));
      assert.ok(names.every((name) => name === name.toLowerCase()));
      assert.ok(!names.some((name) => /^(connection|host|transfer-encoding|upgrade)$/.test(name)));
      assert.deepEqual(fields.filter((line) => line.startsWith("x-forwarded-for")), [
        "x-forwarded-for: 192.0.2.7",
      ]);
      assert.equal(names.includes("te"), name === "perl");
      assert.ok(fields.includes(`x-request-id: ${request.id}`));
    }
  }
});

Deno.test("IncomingRequest.each() asks for no upgrade by HTTP/2 (RFC 9113 8.2.2)", () => {
  const asks = ["Host: a", "Connection: upgrade", "Upgrade: websocket", "A: b"];
  const names: string[] = [];
  read(head("GET / HTTP/1.1", ...asks)).each((name) => names.push(name), DIRECT, undefined);
  assert.deepEqual(names.filter((name) => !/^x-/.test(name)), ["a"]);
});

Deno.test("IncomingRequest says the same once its buffer is used again", () => {
  for (const sends of [false, true]) {
    for (const name of Object.keys(REAL_REQUESTS)) {
      const text = REAL_REQUESTS[name]?.(7) ?? "";
      const buffer = filled(text);
      const request = read(text, { buffer });
      const names = ["accept", "traceparent", "cookie", "user-agent"];
      const said =
        () => [request.path, request.target, request.id, names.map(request.values, request)];
      const before = said();
      if (sends) request.toHttp1(DIRECT, undefined);
      assert.deepEqual(said(), before);
      request.leaveBuffer();
      buffer.bytes.fill(0x21);
      assert.deepEqual(said(), before);
    }
  }
});

Deno.test("IncomingRequest.values() tells what the client has said, whatever a rule makes of it", () => {
  const changes = {
    ...{ path: "/c", host: "b", remove: new Set(["accept-encoding", "cookie"]) },
    add: [{ name: "Accept-Encoding", value: "identity" }, { name: "D", value: "e" }],
  };
  // one that is plain, and one that is not
  for (const line of ["A: b", "A:  b"]) {
    const lines = ["Host: a", "Accept-Encoding: gzip", line, "Cookie: c", "Accept: d"];
    const text = head("GET /a HTTP/1.1", ...lines);
    const buffer = filled(text);
    const request = read(text, { buffer });
    const names = ["accept-encoding", "cookie", "accept", "a", "d"];
    const said = () => [request.path, ...names.map((name) => request.values(name).join())];
    const before = ["/a", "gzip", "c", "d", "b", ""];
    assert.deepEqual(said(), before);
    const sent = latin1(bytesOf(request.toHttp1(DIRECT, changes)));
    assert.doesNotMatch(sent, /gzip|Cookie/);
    assert.deepEqual(said(), before, line);
    request.leaveBuffer();
    buffer.bytes.fill(0x21);
    assert.deepEqual(said(), before, line);
  }
});

Deno.test("IncomingRequest.toHttp1() leaves a buffer alone that is used again", () => {
  const text = head("POST / HTTP/1.1", "Host: a", "Content-Length: 3");
  const buffer = filled(text);
  const request = read(text, { buffer });
  // a server by HTTP/2 was tried first
  request.each(() => {}, DIRECT, undefined);
  request.leaveBuffer();
  buffer.bytes.fill(0x21);
  assert.match(sentText(request, DIRECT), /^POST \/ HTTP\/1\.1\r\nHost: a\r\n/);
  assert.ok(buffer.bytes.every((byte) => byte === 0x21));
});

Deno.test("IncomingRequest reads the second of two requests in one buffer", () => {
  const first = head("GET /1 HTTP/1.1", "Host: a", "Connection: close", "A: b");
  const second = head("GET /2 HTTP/1.0", "Host: b", "Content-Length: 0");
  const buffer = filled(first + second);
  const request = read("", { buffer });
  sentText(request, DIRECT);
  request.begin(request.end, LIMITS);
  assert.equal(request.isInside, false);
  assert.equal(request.read(buffer, buffer.bytes.length), true);
  const { path, authority, goesOn, body, version } = request;
  assert.deepEqual([path, authority, goesOn, body, version], ["/2", "b", false, 0, "HTTP/1.0"]);
  assert.match(sentText(request, DIRECT), /^GET \/2 HTTP\/1\.1\r\nX-Forwarded-For: .*Host: b\r\n/s);
});

Deno.test("IncomingRequest goes on in a larger buffer that holds the same", () => {
  const text = REAL_REQUESTS["chromium"]?.(7) ?? "";
  for (const cut of [1, 10, 100, text.length - 1]) {
    const small = filled(text.slice(0, cut));
    const request = new IncomingRequest();
    request.begin(HEAD_ROOM, LIMITS);
    assert.equal(request.read(small, small.bytes.length), false);
    assert.equal(request.isInside, true);
    small.bytes.fill(0);
    const large = filled(text + "more");
    assert.equal(request.read(large, large.bytes.length), true);
    assert.equal(request.path, "/b/asset-7.js?v=217");
  }
});

function filled(text: string, room = HEAD_ROOM): RoomyBuffer {
  const buffer = new RoomyBuffer(room + text.length);
  buffer.bytes.set(fromLatin1(text), room);
  return buffer;
}

/** Reads the first request of a text that comes whole. */
function read(
  text: string,
  { room = HEAD_ROOM, buffer = filled(text, room) }: { room?: number; buffer?: RoomyBuffer } = {},
): IncomingRequest {
  const request = new IncomingRequest();
  request.begin(room, LIMITS);
  assert.equal(request.read(buffer, buffer.bytes.length), true);
  return request;
}

function sentText(request: IncomingRequest, forwarding: Forwarding): string {
  return latin1(bytesOf(request.toHttp1(forwarding, undefined)));
}

function bytesOf({ bytes, from, to }: Range): Uint8Array {
  return bytes.subarray(from, to);
}

/** One connection's object for all of them, as what one head leaves behind must not reach another. */
const incoming = new IncomingRequest();

interface Rules {
  readonly forwarding: Forwarding;
  readonly changes: RequestChanges | undefined;
}

/** Compares what is said of the first request of a connection's bytes, and when. */
function check(text: string, forwarding: Forwarding, changes: RequestChanges | undefined): void {
  const rules = { forwarding, changes };
  const bytes = fromLatin1(text);
  const everywhere = Array.from(bytes, (_, at) => at + 1);
  const cut = 1 + text.length * 7919 % Math.max(1, bytes.length);
  for (const places of [[bytes.length], everywhere, [cut, bytes.length]]) {
    const expected = bySlowWay(bytes, rules, places);
    assert.deepEqual(byIncoming(bytes, rules, places), expected, JSON.stringify(text));
  }
}

/** Filled up to each of these places in turn, until something is said. */
function bySlowWay(bytes: Uint8Array, rules: Rules, places: readonly number[]): unknown {
  const decoder = new RequestDecoder(LIMITS);
  let fed = 0;
  for (const place of places) {
    const [part] = decoder.feed(bytes.slice(fed, place));
    fed = place;
    if (part?.kind === "failure") return failed(part.error, decoder.refused, place);
    if (part?.kind === "head") return { place, ...slowFacts(part, rules) };
    assert.equal(part, undefined);
  }
  return { isInside: decoder.insideHead };
}

function byIncoming(bytes: Uint8Array, rules: Rules, places: readonly number[]): unknown {
  const buffer = new RoomyBuffer(HEAD_ROOM + bytes.length);
  incoming.begin(HEAD_ROOM, LIMITS);
  for (const place of places) {
    try {
      buffer.bytes.set(bytes.subarray(0, place), HEAD_ROOM);
      if (!incoming.read(buffer, HEAD_ROOM + place)) continue;
    } catch (error) {
      assert.ok(error instanceof ProxyError, String(error));
      return failed(error, incoming.refused, place);
    }
    const head = bytes.subarray(0, incoming.end - HEAD_ROOM);
    const rest = latin1(bytes.subarray(head.length, place));
    const facts = { place, ...incomingFacts(rules) };
    const { bytes: sent, to } = incoming.toHttp1(rules.forwarding, rules.changes);
    // the body lies right behind the head, where it lay
    if (sent === buffer.bytes) assert.equal(to, incoming.end);
    assert.equal(latin1(buffer.bytes.subarray(incoming.end, HEAD_ROOM + place)), rest);
    return facts;
  }
  return { isInside: incoming.isInside };
}

function failed({ code, message }: ProxyError, refused: RequestHead | undefined, place: number) {
  return { code, message, refused, place };
}

/** What the decoder says, and what is made of it by text. */
function slowFacts(part: RequestHeadPart, { forwarding, changes }: Rules) {
  const { head, target, framing, upgrade, size } = part;
  const { method, minor, fields } = head;
  const [id = "new"] = valuesOf(fields, "x-request-id").filter(isRequestId);
  return {
    method,
    target: head.target,
    path: target.path,
    authority: target.authority,
    version: `HTTP/1.${minor}`,
    body: bodyOf(framing),
    upgrade,
    goesOn: upgrade === undefined && keepsAlive(head),
    expectsContinue: minor === 1 && hasToken(fields, "expect", "100-continue") &&
      !hasToken(fields, "connection", "expect"),
    wireBytes: size,
    values: NAMES.map((name) => valuesOf(fields, name)),
    roles: Object.values(ROLE).filter((role) => hasRole(fields, role)),
    sentLine: `${method} ${changes?.path ?? target.path}`,
    sent: sorted(changedRequestFields(requestFields(part, forwarding, id), changes)),
  };
}

function incomingFacts({ forwarding, changes }: Rules) {
  const { method, target, path, authority, version, body, upgrade, goesOn } = incoming;
  const { expectsContinue, wireBytes, id } = incoming;
  const given = incoming.values("x-request-id").includes(id);
  const facts = {
    values: NAMES.map((name) => incoming.values(name)),
    roles: Object.values(ROLE).filter((role) => incoming.has(role)),
  };
  const { bytes, from, to } = incoming.toHttp1(forwarding, changes);
  const sent = parseRequestHead(bytes.slice(from, to), Infinity);
  assert.equal(sent.minor, 1);
  const isTold = !changes?.remove.has("x-request-id");
  assert.deepEqual(valuesOf(sent.fields, "x-request-id"), isTold ? [id] : []);
  const fields = sent.fields.map((field) =>
    field.key === "x-request-id" && !given ? { ...field, value: "new" } : field
  );
  return {
    ...{ method, target, path, authority, version, body, upgrade, goesOn },
    ...{ expectsContinue, wireBytes, ...facts },
    sentLine: `${sent.method} ${sent.target}`,
    sent: sorted(fields),
  };
}

/** Names that are asked for, with a role and without. */
const NAMES = ["accept", "host", "traceparent", "cookie", "a", "x-forwarded-for", "content-length"];

/** Fields of different names may stand in any order (RFC 9110, section 5.3). */
function sorted(fields: readonly Field[]): string[] {
  return fields.map(({ key, value }) => `${key}: ${value}`)
    .map((line, at) => ({ line, at, key: line.slice(0, line.indexOf(":")) }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.at - b.at)
    .map(({ line }) => line);
}
