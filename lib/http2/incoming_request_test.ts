import assert from "node:assert/strict";
import { decodeLatin1 } from "../core/latin1.ts";
import { type Forwarding, NO_BODY, UNKNOWN_LENGTH } from "../http/message.ts";
import { type RawField, requestFields } from "../../tests/support/http2_frames.ts";
import { parseRequestHead } from "../http1/head.ts";
import { joined } from "../http1/outgoing.ts";
import { HeaderField, headerName } from "./hpack/header_field.ts";
import { IncomingRequest } from "./incoming_request.ts";
import { judgeRequest } from "./judge_request.ts";
import { type Http2RequestHead, readRequestHead, withPath } from "./request_head.ts";

const FORWARDING: Forwarding = {
  peer: "192.0.2.1",
  port: 443,
  proto: "https",
  defaultHost: "example.com",
  trusted: false,
  standard: false,
  via: false,
};

function read(fields: readonly RawField[]): Http2RequestHead {
  return readRequestHead(
    fields.map(([name, value]) => new HeaderField(headerName(name), value)),
    true,
  );
}

function begun(head: Http2RequestHead, ended = true): IncomingRequest {
  const request = new IncomingRequest();
  request.begin(head, ended);
  return request;
}

/** What a server gets, without the id. */
function sent(request: IncomingRequest, forwarding = FORWARDING, changes?: never): string {
  const { bytes, from, to } = request.toHttp1(forwarding, changes);
  return decodeLatin1(bytes.subarray(from, to)).replace(/X-Request-Id: .*\r\n/, "");
}

const FORWARDED = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n" +
  "X-Forwarded-Host: example.com\r\nX-Forwarded-Port: 443\r\n";

Deno.test("a request is written for HTTP/1.1 with what servers are told besides", () => {
  const head = read(requestFields({ ":path": "/a" }, [
    ["x-own", "1"],
    ["x-forwarded-for", "10.6.6.6"],
    ["x_forwarded_for", "10.6.6.6"],
    ["x-real-ip", "10.6.6.6"],
    ["client-cert", ":bWU=:"],
    ["content_length", "5"],
    ["expect", ","],
    ["x-request-id", "not fit, at all"],
    ["proxy-authorization", "Basic eDp5"],
    ["cookie", "a=1"],
    ["cookie", "b=2"],
  ]));
  const expected = `GET /a HTTP/1.1\r\nHost: example.com\r\nx-own: 1\r\ncookie: a=1; b=2\r\n` +
    `${FORWARDED}\r\n`;
  assert.equal(sent(begun(head)), expected);
  // from what was kept
  assert.equal(sent(begun(withPath(head, "/a"))), expected);
  const other = { ...FORWARDING, peer: "192.0.2.2", via: true };
  assert.match(
    sent(begun(head), other),
    /X-Forwarded-For: 192\.0\.2\.2\r\n[^]*Via: 2\.0 tls-proxy/,
  );
});

Deno.test("a body is framed by what was said of it", () => {
  const cases: readonly [
    fields: RawField[],
    method: string,
    ended: boolean,
    body: number,
    lines: string,
  ][] = [
    [[], "POST", true, NO_BODY, "Content-Length: 0\r\n"],
    [[], "GET", true, NO_BODY, ""],
    [[["content-length", "0"]], "GET", true, NO_BODY, "Content-Length: 0\r\n"],
    [[["content-length", "0"]], "POST", false, 0, "Content-Length: 0\r\n"],
    [[["content-length", "7"]], "POST", false, 7, "Content-Length: 7\r\n"],
    [[], "POST", false, UNKNOWN_LENGTH, "Transfer-Encoding: chunked\r\n"],
    [[["te", "trailers"]], "GET", true, NO_BODY, "TE: trailers\r\nConnection: TE\r\n"],
  ];
  for (const [fields, method, ended, body, lines] of cases) {
    const request = begun(read(requestFields({ ":method": method }, fields)), ended);
    assert.equal(request.body, body);
    const head = `${method} / HTTP/1.1\r\nHost: example.com\r\n${FORWARDED}${lines}\r\n`;
    assert.equal(sent(request), head);
    const { bytes, from, to } = request.toHttp1(FORWARDING, undefined);
    assert.equal(parseRequestHead(bytes.subarray(from, to), 20).method, method);
  }
});

Deno.test("a server by HTTP/2 is told the length that a client has told, also that of no body", () => {
  for (const [length, ended] of [["0", true], ["0", false], ["7", false]] as const) {
    const fields = requestFields({ ":method": "POST" }, [["content-length", length]]);
    const lengths: string[] = [];
    begun(read(fields), ended).each(
      (name, value) => {
        if (name === "content-length") lengths.push(value);
      },
      FORWARDING,
      undefined,
    );
    assert.deepEqual(lengths, [length]);
  }
});

Deno.test("a priority may come in several fields, which are one", () => {
  const cases: readonly [fields: RawField[], urgency: number, incremental: boolean][] = [
    [[], 3, true],
    [[["priority", "u=1"]], 1, false],
    [[["priority", "u=1"], ["priority", "i"]], 1, true],
    [[["priority", "u=1, i"], ["priority", "u=5"]], 5, true],
  ];
  for (const [fields, urgency, incremental] of cases) {
    assert.deepEqual(read(requestFields({}, fields)).priority, { urgency, incremental });
  }
});

Deno.test("an extended CONNECT asks an HTTP/1.1 server for an upgrade", () => {
  const fields = requestFields({ ":method": "CONNECT", ":protocol": "websocket" }, [
    ["sec-websocket-version", "13"],
    // which says nothing in HTTP/2 (RFC 8441, section 5)
    ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
  ]);
  const request = begun(read(fields), false);
  assert.equal(request.method, "GET");
  assert.deepEqual(request.upgrade, ["websocket"]);
  // routes may ask for it
  assert.deepEqual(request.values("upgrade"), ["websocket"]);
  assert.match(
    sent(request),
    /^GET \/ HTTP\/1\.1\r\n[^]*\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: [A-Za-z0-9+/]{22}==\r\n\r\n$/,
  );
  assert.equal(sent(request).match(/^sec-websocket-key:/gim)?.length, 1);
});

Deno.test("an id that is well-formed goes on, and another request has another", () => {
  const given = begun(read(requestFields({}, [["x-request-id", "abc-1"]])));
  assert.equal(given.id, "abc-1");
  const head = read(requestFields());
  assert.notEqual(begun(head).id, begun(head).id);
});

Deno.test("rules change path and fields, and a trusted peer is believed", () => {
  const head = read(
    requestFields({ ":path": "/api/a" }, [["x-a", "1"], ["x-forwarded-for", "10.1.1.1"]]),
  );
  const request = begun(head);
  const changes = { path: "/a", remove: new Set(["x-a"]), add: [{ name: "X-B", value: "2" }] };
  const { bytes, from, to } = request.toHttp1({ ...FORWARDING, trusted: true }, changes);
  const text = decodeLatin1(bytes.subarray(from, to));
  assert.match(text, /^GET \/a HTTP\/1\.1\r\n/);
  assert.match(text, /X-Forwarded-For: 10\.1\.1\.1, 192\.0\.2\.1\r\n[^]*X-B: 2\r\n/);
  assert.doesNotMatch(text, /x-a/);
});

Deno.test("rules change Host and the id like other fields, which stand once", () => {
  const request = begun(read(requestFields({}, [["x-request-id", "abc-1"]])));
  const changes = {
    ...{ path: undefined, host: "up.test:1", remove: new Set(["x-request-id"]) },
    add: [{ name: "X-Request-Id", value: "mine" }],
  };
  const { bytes, from, to } = request.toHttp1(FORWARDING, changes);
  const { fields } = parseRequestHead(bytes.subarray(from, to), 100);
  const valuesOf = (key: string) => fields.filter((field) => field.key === key).map((f) => f.value);
  assert.deepEqual(valuesOf("host"), ["up.test:1"]);
  assert.deepEqual(valuesOf("x-request-id"), ["mine"]);
  assert.deepEqual(valuesOf("x-forwarded-host"), ["example.com"]);
});

Deno.test("a server that speaks HTTP/2 gets the same without what frames say", () => {
  const request = begun(
    read(requestFields({ ":method": "POST" }, [
      ["te", "trailers"],
      ["content-length", "3"],
      ["x-own", "1"],
    ])),
    false,
  );
  const fields: string[] = [];
  request.each((name, value) => fields.push(`${name}: ${value}`), FORWARDING, undefined);
  assert.deepEqual(
    fields.filter((line) => !line.startsWith("x-forwarded") && !line.startsWith("x-request-id")),
    [
      "x-own: 1",
      "te: trailers",
      "content-length: 3",
    ],
  );
});

Deno.test("judgeRequest() refuses what HTTP/1.1 is refused, by the same codes", () => {
  const limits = { headerBytes: 200, headers: 3, body: 10 };
  const many = Array.from({ length: 4 }, (_, i): RawField => [`x-${i}`, "1"]);
  const crumbs = Array.from({ length: 9 }, (_, i): RawField => ["cookie", `a=${i}`]);
  const cases: readonly [code: string | undefined, fields: readonly RawField[]][] = [
    [undefined, requestFields()],
    [undefined, requestFields({}, crumbs)],
    [undefined, requestFields({}, [["expect", "100-Continue"]])],
    ["target_too_long", requestFields({ ":path": `/${"a".repeat(200)}` })],
    ["head_too_large", requestFields({}, [["x-a", "a".repeat(200)]])],
    ["head_too_large", requestFields({}, many)],
    ["method_not_allowed", requestFields({ ":method": "TRACE" })],
    [
      "method_not_allowed",
      requestFields({
        ":method": "CONNECT",
        ":scheme": undefined,
        ":path": undefined,
      }),
    ],
    ["method_not_allowed", requestFields({ ":method": "CONNECT", ":protocol": "connect-udp" })],
    ["expectation_failed", requestFields({}, [["expect", "200-ok"]])],
    ["body_too_large", requestFields({ ":method": "POST" }, [["content-length", "11"]])],
  ];
  for (const [code, fields] of cases) {
    const judge = () => judgeRequest(read(fields), limits);
    if (code === undefined) judge();
    else assert.throws(judge, { name: "ProxyError", code });
  }
});

Deno.test("a request has room for a little body behind its head, for as much as is promised", () => {
  for (const [length, room] of [[1, 1], [2048, 2048], [2049, 0], [0, 0]] as const) {
    const fields = requestFields({ ":method": "POST" }, [["content-length", String(length)]]);
    const range = begun(read(fields), false).toHttp1(FORWARDING, undefined);
    assert.equal(range.room, room);
    assert.ok(range.bytes.length - range.to >= room);
    const piece = joined(range, new Uint8Array(length + 2).fill(0x78), 1, 1 + length);
    const text = decodeLatin1(piece);
    assert.equal(text.slice(text.indexOf("\r\n\r\n") + 4), "x".repeat(length));
    // more than was promised is refused before, and would not be written there
    assert.notEqual(
      joined(range, new Uint8Array(length + 1), 0, length + 1).buffer,
      range.bytes.buffer,
    );
  }
});

Deno.test("what may still be on its way to a server is not written over by the next request", () => {
  const head = read(requestFields({ ":method": "POST" }, [["content-length", "5"]]));
  for (const settled of [true, false]) {
    const request = begun(head, false);
    const first = request.toHttp1(FORWARDING, undefined);
    request.end(settled);
    request.begin(head, false);
    const second = request.toHttp1(FORWARDING, undefined);
    assert.equal(first.bytes === second.bytes, settled);
  }
});
