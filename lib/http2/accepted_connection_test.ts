import assert from "node:assert/strict";
import fc from "fast-check";
import { OPTIONS, ServerEnd, sourceOf } from "../../tests/support/http2_end.ts";
import { MALFORMED_HTTP2 } from "../../tests/support/http2_malformed.ts";
import {
  block,
  briefFrames,
  data,
  frame,
  headers,
  joined,
  opening,
  type RawField,
  requestFields,
  resetFrame,
  settings,
  splitFrames,
  uint32,
  windowUpdate,
} from "../../tests/support/http2_frames.ts";
import { BUDGETS, SMALL_INCREMENT } from "./budgets.ts";
import { ERROR, FLAG, FRAME, PREFACE, SETTING } from "./wire.ts";

const NOTHING = new Uint8Array(0);

/** Behind the opening, whose answer is not looked at. */
function opened(options: ConstructorParameters<typeof ServerEnd>[0] = {}): ServerEnd {
  const end = new ServerEnd(options);
  end.connection.feed(opening());
  end.output();
  return end;
}

function framesAfter(end: ServerEnd, ...bytes: Uint8Array[]): string[] {
  for (const part of bytes) end.connection.feed(part);
  return end.frames();
}

Deno.test("a connection begins with settings, and acknowledges the client's", () => {
  const end = new ServerEnd();
  assert.deepEqual(end.frames(), ["settings", "windowUpdate 0 983041"]);
  end.connection.feed(opening());
  assert.deepEqual(end.frames(), ["settings ack"]);
});

Deno.test("a table that was to be smaller, if only for a moment, is acknowledged in the next block", () => {
  for (const sizes of [[0], [100], [0, 4096], [4096, 100, 65_536]]) {
    const end = opened();
    end.onEnd = (stream) => end.connection.respond(stream, 204, sourceOf([]), true);
    end.connection.feed(settings(sizes.map((size) => [SETTING.headerTableSize, size])));
    end.output();
    for (const [id, first] of [[1, 0x20], [3, 0x89]] as const) {
      end.connection.feed(headers(id, requestFields()));
      assert.equal(
        splitFrames(end.output()).frames[0]?.payload[0],
        first,
        `${sizes}: stream ${id}`,
      );
    }
  }
});

Deno.test("what is cut counts as a head that is awaited, unless it is a body, padded or not", () => {
  const padded = frame(FRAME.data, { flags: FLAG.padded, id: 1, payload: [1, 0x61, 0x62, 0] });
  const cases: readonly [bytes: Uint8Array, at: number, isInside: boolean][] = [
    [data(1, "abc"), 5, true],
    [data(1, "abc"), 10, false],
    [padded, 10, false],
    [headers(3, requestFields()), 20, true],
    [frame(FRAME.ping, { payload: new Uint8Array(8) }), 10, true],
  ];
  const end = opened();
  end.connection.feed(headers(1, requestFields({ ":method": "POST" }), { ended: false }));
  for (const [bytes, at, isInside] of cases) {
    end.connection.feed(bytes.subarray(0, at));
    assert.equal(end.connection.isInside, isInside, `${bytes[3]} at ${at}`);
    end.connection.feed(bytes.subarray(at));
    assert.equal(end.connection.isInside, false);
  }
});

Deno.test("requests, bodies and trailers mean the same however they are cut", () => {
  const bytes = joined([
    opening([[SETTING.initialWindowSize, 100]]),
    headers(1, requestFields({ ":path": "/a?b" }, [["x-own", "1"]])),
    headers(3, requestFields({ ":method": "POST" }, [["content-length", "5"]]), { ended: false }),
    data(3, "he"),
    data(3, "llo", true),
    headers(5, requestFields({ ":method": "POST" }), { ended: false }),
    frame(FRAME.data, { flags: FLAG.padded, id: 5, payload: [3, 0x61, 0x62, 0, 0, 0] }),
    data(5, ""),
    headers(5, [["grpc-status", "0"]]),
    frame(FRAME.headers, {
      flags: FLAG.padded | FLAG.priority,
      id: 7,
      payload: joined([[2], uint32(3), [10], block(requestFields()).slice(0, 20), [0, 0]]),
    }),
    frame(FRAME.continuation, {
      id: 7,
      flags: FLAG.endHeaders,
      payload: block(requestFields()).slice(20),
    }),
    frame(0xbe, { payload: [1, 2, 3] }),
    resetFrame(7, ERROR.cancel),
    frame(FRAME.ping, { payload: [1, 2, 3, 4, 5, 6, 7, 8] }),
  ]);
  const run = (pieces: readonly Uint8Array[]) => {
    const end = new ServerEnd();
    for (const piece of pieces) {
      const short = piece.slice();
      end.connection.feed(short);
      short.fill(0x21);
    }
    return { facts: end.facts, frames: end.frames() };
  };
  const whole = run([bytes]);
  assert.deepEqual(whole.facts, [
    "request 1 end GET https://example.com/a?b x-own=1",
    "request 3 POST https://example.com/ length=5",
    "data 3 hello|",
    "request 5 POST https://example.com/",
    "data 5 ab",
    "trailers 5 grpc-status=0",
    "request 7 GET https://example.com/",
    "reset 7 CANCEL by peer",
  ]);
  assert.deepEqual(whole.frames.slice(-2), ["settings ack", "ping ack"]);
  assert.deepEqual(run(Array.from(bytes, (_, i) => bytes.slice(i, i + 1))), whole);
  for (let at = 1; at < bytes.length; at += 3) {
    assert.deepEqual(run([bytes.slice(0, at), bytes.slice(at)]), whole, `cut at ${at}`);
  }
});

Deno.test("a request that HTTP/1.1 cannot say without doubt is reset, and nothing of it told", () => {
  for (const [why, fields] of MALFORMED_HTTP2) {
    const end = opened();
    assert.deepEqual(
      framesAfter(end, headers(1, fields)),
      [`rstStream 1 ${ERROR.protocolError}`],
      why,
    );
    assert.match(end.facts.join("\n"), /^malformed 1 bad_\w+$/, why);
    // the connection goes on
    end.connection.feed(headers(3, requestFields()));
    assert.match(end.facts.at(-1) ?? "", /^request 3/, why);
  }
});

Deno.test("a request's fields come as HTTP/1.1 would say them", () => {
  const cases: readonly [fields: readonly RawField[], fact: string][] = [
    [requestFields({ ":authority": undefined }, [["host", "a.example"]]), "GET https://a.example/"],
    [requestFields({}, [["host", "EXAMPLE.com"]]), "GET https://example.com/"],
    [
      requestFields({}, [["cookie", "a=1"], ["x-b", "2"], ["cookie", "c=3"]]),
      "GET https://example.com/ x-b=2 cookie=a=1; c=3",
    ],
    [requestFields({}, [["te", "trailers"]]), "GET https://example.com/ te=trailers"],
    [requestFields({}, [["x-a", "caf\xe9 \t b"]]), "GET https://example.com/ x-a=caf\xe9 \t b"],
    [requestFields({}, [["x-empty", ""]]), "GET https://example.com/ x-empty="],
    [requestFields({ ":method": "OPTIONS", ":path": "*" }), "OPTIONS https://example.com*"],
    [requestFields({}, [["content-length", "0"]]), "GET https://example.com/ length=0"],
    [
      requestFields({ ":method": "CONNECT", ":scheme": undefined, ":path": undefined }),
      "CONNECT ://example.com",
    ],
  ];
  for (const [fields, fact] of cases) {
    const end = opened();
    end.connection.feed(headers(1, fields));
    assert.deepEqual(end.facts, [`request 1 end ${fact}`]);
  }
});

Deno.test("an extended CONNECT is read where it is offered, and unknown where it is not", () => {
  const fields = requestFields({ ":method": "CONNECT", ":path": "/ws", ":protocol": "websocket" });
  const end = opened();
  end.connection.feed(headers(1, fields, { ended: false }));
  assert.deepEqual(end.facts, ["request 1 CONNECT https://example.com/ws protocol=websocket"]);
  const without = opened({ extendedConnect: false });
  without.connection.feed(headers(1, fields, { ended: false }));
  assert.deepEqual(without.facts, ["malformed 1 bad_field"]);
});

Deno.test("content-length is held against DATA", () => {
  const post = (length: string) =>
    headers(1, requestFields({ ":method": "POST" }, [["content-length", length]]), {
      ended: false,
    });
  const cases: readonly [why: string, parts: readonly Uint8Array[]][] = [
    ["more than it says", [data(1, "abcd")]],
    ["more than it says at its end", [data(1, "ab"), data(1, "cd", true)]],
    ["less than it says", [data(1, "ab", true)]],
    ["less than it says before trailers", [data(1, "ab"), headers(1, [["a", "b"]])]],
  ];
  for (const [why, parts] of cases) {
    const end = opened();
    assert.deepEqual(framesAfter(end, post("3"), ...parts), ["rstStream 1 1"], why);
    assert.equal(end.facts.at(-1), "reset 1 PROTOCOL_ERROR by us", why);
  }
});

Deno.test("sendTrailers() ends a body without HEADERS where there is no field", () => {
  const end = opened();
  end.connection.feed(headers(1, requestFields()));
  const [stream] = end.streams.values();
  assert.ok(stream !== undefined);
  end.connection.respond(stream, 200, sourceOf([]), false);
  end.output();
  end.connection.sendTrailers(stream, []);
  assert.deepEqual(splitFrames(end.output()).frames, [
    { type: FRAME.data, flags: FLAG.endStream, id: 1, payload: NOTHING },
  ]);
});

Deno.test("trailers are held to what trailers may say", () => {
  const cases: readonly [why: string, trailers: Uint8Array][] = [
    ["a pseudo-field", headers(1, [[":path", "/"]])],
    ["a field of connections", headers(1, [["connection", "close"]])],
    ["a line end", headers(1, [["a", "b\r\nc: d"]])],
    ["no end", headers(1, [["a", "b"]], { ended: false })],
  ];
  for (const [why, trailers] of cases) {
    const end = opened();
    end.connection.feed(headers(1, requestFields(), { ended: false }));
    assert.deepEqual(framesAfter(end, trailers), ["rstStream 1 1"], why);
  }
});

/** What ends a connection, and with which error. */
const FATAL: readonly [why: string, code: number, bytes: readonly Uint8Array[]][] = [
  ["DATA on no stream", ERROR.protocolError, [data(0, "a")]],
  ["DATA on a stream that is not there", ERROR.protocolError, [data(1, "a")]],
  ["DATA on a stream of even number", ERROR.protocolError, [data(2, "a")]],
  ["HEADERS on no stream", ERROR.protocolError, [headers(0, requestFields())]],
  ["HEADERS on a stream of even number", ERROR.protocolError, [headers(2, requestFields())]],
  ["a lower stream number", ERROR.protocolError, [
    headers(5, requestFields()),
    headers(3, requestFields()),
  ]],
  ["SETTINGS on a stream", ERROR.protocolError, [frame(FRAME.settings, { id: 1 })]],
  ["SETTINGS of 5 bytes", ERROR.frameSizeError, [
    frame(FRAME.settings, { payload: [0, 1, 0, 0, 0] }),
  ]],
  ["an acknowledgement that says something", ERROR.frameSizeError, [
    frame(FRAME.settings, { flags: FLAG.ack, payload: [0, 1, 0, 0, 0, 0] }),
  ]],
  ["ENABLE_PUSH of 2", ERROR.protocolError, [settings([[SETTING.enablePush, 2]])]],
  ["NO_RFC7540_PRIORITIES of 2", ERROR.protocolError, [
    settings([[SETTING.noRfc7540Priorities, 2]]),
  ]],
  ["a window of 2^31", ERROR.flowControlError, [settings([[SETTING.initialWindowSize, 2 ** 31]])]],
  ["frames of 16383", ERROR.protocolError, [settings([[SETTING.maxFrameSize, 16_383]])]],
  ["frames of 2^24", ERROR.protocolError, [settings([[SETTING.maxFrameSize, 2 ** 24]])]],
  ["PING on a stream", ERROR.protocolError, [
    frame(FRAME.ping, { id: 1, payload: new Uint8Array(8) }),
  ]],
  ["PING of 7 bytes", ERROR.frameSizeError, [frame(FRAME.ping, { payload: new Uint8Array(7) })]],
  ["GOAWAY on a stream", ERROR.protocolError, [
    frame(FRAME.goaway, { id: 1, payload: new Uint8Array(8) }),
  ]],
  ["GOAWAY of 7 bytes", ERROR.frameSizeError, [
    frame(FRAME.goaway, { payload: new Uint8Array(7) }),
  ]],
  ["RST_STREAM on no stream", ERROR.protocolError, [resetFrame(0, 1)]],
  ["RST_STREAM on a stream that is not there", ERROR.protocolError, [resetFrame(1, 1)]],
  ["RST_STREAM of 3 bytes", ERROR.frameSizeError, [
    headers(1, requestFields()),
    frame(FRAME.rstStream, { id: 1, payload: [0, 0, 0] }),
  ]],
  ["WINDOW_UPDATE of 0", ERROR.protocolError, [windowUpdate(0, 0)]],
  ["WINDOW_UPDATE of 3 bytes", ERROR.frameSizeError, [
    frame(FRAME.windowUpdate, { payload: [0, 0, 0] }),
  ]],
  ["WINDOW_UPDATE on a stream that is not there", ERROR.protocolError, [windowUpdate(1, 5)]],
  ["a window beyond 2^31-1", ERROR.flowControlError, [windowUpdate(0, 0x7fff_ffff)]],
  ["PUSH_PROMISE", ERROR.protocolError, [
    frame(FRAME.pushPromise, { id: 1, payload: [0, 0, 0, 2] }),
  ]],
  ["CONTINUATION of nothing", ERROR.protocolError, [
    frame(FRAME.continuation, { id: 1, flags: FLAG.endHeaders }),
  ]],
  ["a block that is interrupted", ERROR.protocolError, [
    frame(FRAME.headers, { id: 1, payload: block(requestFields()) }),
    frame(FRAME.ping, { payload: new Uint8Array(8) }),
  ]],
  ["a block that goes on elsewhere", ERROR.protocolError, [
    frame(FRAME.headers, { id: 1, payload: block(requestFields()) }),
    frame(FRAME.continuation, { id: 3, flags: FLAG.endHeaders }),
  ]],
  ["a block that is no HPACK", ERROR.compressionError, [
    frame(FRAME.headers, { id: 1, flags: FLAG.endHeaders, payload: [0x80] }),
  ]],
  ["more padding than payload", ERROR.protocolError, [
    headers(1, requestFields(), { ended: false }),
    frame(FRAME.data, { id: 1, flags: FLAG.padded, payload: [2, 0] }),
  ]],
  ["a frame over the limit", ERROR.frameSizeError, [
    frame(FRAME.ping, { length: 16_385 }),
  ]],
  ["DATA on a stream that both have ended", ERROR.streamClosed, [
    headers(1, requestFields()),
    NOTHING,
    data(1, "a"),
  ]],
  ["PRIORITY_UPDATE for no stream", ERROR.protocolError, [
    frame(FRAME.priorityUpdate, { payload: [0, 0, 0, 0] }),
  ]],
];

Deno.test("what breaks the connection's rules ends it with GOAWAY, once", () => {
  for (const [why, code, bytes] of FATAL) {
    const end = opened();
    end.onEnd = (stream) => end.connection.respond(stream, 204, sourceOf([]), true);
    const frames = framesAfter(end, ...bytes);
    assert.match(frames.at(-1) ?? "", new RegExp(`^goaway \\d+ ${code}$`), why);
    assert.equal(end.connection.hasFailed, true, why);
    const facts = end.facts.length;
    assert.deepEqual(framesAfter(end, headers(9, requestFields()), resetFrame(0, 0)), [], why);
    assert.equal(end.facts.length, facts, why);
  }
});

Deno.test("a connection begins with preface and SETTINGS, or ends", () => {
  for (
    const bytes of [
      joined([PREFACE.slice(0, 23), [0x58]]),
      joined([PREFACE, frame(FRAME.ping, { payload: new Uint8Array(8) })]),
      joined([PREFACE, frame(FRAME.settings, { flags: FLAG.ack })]),
      new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    ]
  ) {
    const end = new ServerEnd();
    end.output();
    assert.deepEqual(framesAfter(end, bytes), ["goaway 0 1"]);
  }
});

/** What is wrong with one stream. */
const STREAM_FAULTS: readonly [why: string, code: number, bytes: readonly Uint8Array[]][] = [
  ["DATA behind the end", ERROR.streamClosed, [headers(1, requestFields()), data(1, "a")]],
  ["HEADERS behind the end", ERROR.streamClosed, [
    headers(1, requestFields()),
    headers(1, requestFields()),
  ]],
  ["WINDOW_UPDATE of 0", ERROR.protocolError, [headers(1, requestFields()), windowUpdate(1, 0)]],
  ["a window beyond 2^31-1", ERROR.flowControlError, [
    headers(1, requestFields()),
    windowUpdate(1, 0x7fff_ffff),
  ]],
  ["a stream that depends on itself", ERROR.protocolError, [
    frame(FRAME.headers, {
      id: 1,
      flags: FLAG.endHeaders | FLAG.endStream | FLAG.priority,
      payload: joined([uint32(1), [0], block(requestFields())]),
    }),
  ]],
  ["PRIORITY of 4 bytes", ERROR.frameSizeError, [
    headers(1, requestFields()),
    frame(FRAME.priority, { id: 1, payload: uint32(3) }),
  ]],
];

Deno.test("what is wrong with one stream ends that stream", () => {
  for (const [why, code, bytes] of STREAM_FAULTS) {
    const end = opened();
    assert.deepEqual(framesAfter(end, ...bytes), [`rstStream 1 ${code}`], why);
    assert.equal(end.connection.hasFailed, false, why);
    assert.equal(end.connection.streams.size, 0, why);
  }
});

Deno.test("a body beyond the stream's window resets it, one beyond the connection's ends that", () => {
  const end = opened({ streamWindow: 100, maxWindow: 100 });
  end.onData = () => {};
  end.connection.feed(headers(1, requestFields({ ":method": "POST" }), { ended: false }));
  assert.deepEqual(framesAfter(end, data(1, "a".repeat(100))), []);
  assert.deepEqual(framesAfter(end, data(1, "a")), [`rstStream 1 ${ERROR.flowControlError}`]);
});

Deno.test("a slow stream stops neither the others nor the connection's window", () => {
  const end = opened();
  end.onData = () => {};
  end.connection.feed(headers(1, requestFields({ ":method": "POST" }), { ended: false }));
  const full = "a".repeat(16_000);
  for (let i = 0; i < 4; i++) end.connection.feed(data(1, full));
  end.onData = (stream, bytes) => end.connection.consumed(stream, bytes);
  end.connection.feed(headers(3, requestFields({ ":method": "POST" }), { ended: false }));
  let granted = 0;
  for (let i = 0; i < 200; i++) {
    for (const line of framesAfter(end, data(3, full))) {
      const [, id, increment] = line.split(" ");
      if (id === "0") granted += Number(increment);
    }
  }
  assert.equal(end.connection.hasFailed, false);
  // what was sent on the slow stream, too
  assert.ok(granted > 200 * 16_000 - 2 ** 20 / 2);
});

Deno.test("bodies that nobody takes are held up to a bound, on all streams together", () => {
  const end = opened({ maxStreams: 1000 });
  end.onData = () => {};
  let sent = 0;
  let window = 65_535 + 983_041;
  for (let id = 1; id < 300; id += 2) {
    end.connection.feed(headers(id, requestFields({ ":method": "POST" }), { ended: false }));
    for (let left = 65_535; left > 0 && window > 0;) {
      const bytes = Math.min(left, window, 16_384);
      for (const line of framesAfter(end, data(id, "a".repeat(bytes)))) {
        if (line.startsWith("windowUpdate 0 ")) window += Number(line.split(" ")[2]);
      }
      left -= bytes;
      window -= bytes;
      sent += bytes;
    }
  }
  assert.equal(window, 0, "the client may send no more");
  assert.ok(sent <= 3 * 2 ** 20 && sent > 2 * 2 ** 20, `${sent} bytes are held`);
  // to be freed with the streams
  for (const stream of [...end.connection.streams.values()]) end.connection.reset(stream, 8);
  assert.match(end.frames().join("\n"), /windowUpdate 0/);
});

Deno.test("a stream beyond the limit is refused, and its block decoded nevertheless", () => {
  const end = opened({ maxStreams: 1 });
  end.connection.feed(headers(1, requestFields(), { ended: false }));
  // enters x-own: 1 into the table
  const entering = joined([[0x40], block([["x-own", "1"]]).slice(1)]);
  const refused = frame(FRAME.headers, {
    id: 3,
    flags: FLAG.endHeaders | FLAG.endStream,
    payload: joined([block(requestFields()), entering]),
  });
  assert.deepEqual(framesAfter(end, refused), [`rstStream 3 ${ERROR.refusedStream}`]);
  end.connection.feed(resetFrame(1, ERROR.cancel));
  end.connection.feed(frame(FRAME.headers, {
    id: 5,
    flags: FLAG.endHeaders | FLAG.endStream,
    payload: joined([block(requestFields()), [0xbe]]),
  }));
  assert.equal(end.facts.at(-1), "request 5 end GET https://example.com/ x-own=1");
});

Deno.test("a stream that only its client has yet to end makes room for another", () => {
  const end = opened({ maxStreams: 2 });
  end.onRequest = () => {};
  const post = requestFields({ ":method": "POST" });
  framesAfter(end, headers(1, post, { ended: false }), headers(3, post, { ended: false }));
  const [, answered] = end.connection.streams.values();
  assert.ok(answered !== undefined);
  end.connection.respond(answered, 200, sourceOf([]), true);
  assert.deepEqual(framesAfter(end, headers(5, post, { ended: false })), [
    "headers 3 end",
    `rstStream 3 ${ERROR.noError}`,
  ]);
  assert.deepEqual(end.connection.streams.values().map(({ id }) => id), [1, 5]);
  assert.deepEqual(framesAfter(end, headers(7, post)), [`rstStream 7 ${ERROR.refusedStream}`]);
});

Deno.test("of a head over the limits that is known which was read before", () => {
  const end = opened();
  const { fields } = OPTIONS.headers;
  const many = Array.from({ length: fields }, (_, i): RawField => [`x-${i}`, "1"]);
  const own: RawField = ["content-type", "application/grpc"];
  end.connection.feed(headers(1, requestFields({}, [own, ...many])));
  const [seen = ""] = end.facts;
  assert.match(seen, /^cut request 1 end GET https:.* content-type=application\/grpc x-0=1 /);
  assert.doesNotMatch(seen, new RegExp(` x-${fields - 1}=`));
});

Deno.test("requests that differ in their path alone are read alike", () => {
  const paths = ["/a", "/b", "/a", "/longer/path?q=1", "/", "/x".repeat(80), "/b"];
  const end = opened();
  paths.forEach((path, i) => {
    // literal without indexing, with the name's index
    const length = path.length < 127 ? [path.length] : [127, path.length - 127];
    const payload = joined([
      [0x82, 0x87, 0x01],
      [11],
      new TextEncoder().encode("example.com"),
      [0x04],
      length,
      new TextEncoder().encode(path),
      block([["x-a", "b"]]),
    ]);
    const flags = FLAG.endHeaders | FLAG.endStream;
    end.connection.feed(frame(FRAME.headers, { id: 2 * i + 1, flags, payload }));
    end.connection.reset([...end.connection.streams.values()][0] as never, 8);
  });
  assert.deepEqual(
    end.facts,
    paths.map((path, i) => `request ${2 * i + 1} end GET https://example.com${path} x-a=b`),
  );
  const bad = joined([[0x82, 0x87, 0x01, 11], new TextEncoder().encode("example.com"), [
    0x04,
    1,
    0x0a,
  ], block([["x-a", "b"]])]);
  end.connection.feed(frame(FRAME.headers, { id: 99, flags: 5, payload: bad }));
  assert.equal(end.facts.at(-1), "malformed 99 bad_target");
});

Deno.test("an answer goes as far as the windows let it, and on as they grow", () => {
  const end = new ServerEnd();
  end.connection.feed(opening([[SETTING.initialWindowSize, 10]]));
  end.connection.feed(headers(1, requestFields()));
  end.output();
  const stream = end.streams.get(1) as never;
  end.connection.respond(stream, 200, sourceOf([]), false);
  const body = new Uint8Array(100);
  assert.equal(end.connection.sendData(stream, body, 0, 100, true), false);
  assert.deepEqual(end.frames(), ["headers 1", "data 1 10"]);
  assert.deepEqual(framesAfter(end, windowUpdate(1, 30)), ["data 1 30"]);
  // a smaller initial window makes it negative
  assert.deepEqual(framesAfter(end, settings([[SETTING.initialWindowSize, 0]])), ["settings ack"]);
  assert.deepEqual(framesAfter(end, windowUpdate(1, 10)), []);
  assert.deepEqual(framesAfter(end, windowUpdate(1, 60)), ["data 1 60 end"]);
  assert.equal(end.facts.at(-1), "taken 1");
  assert.equal(end.connection.streams.size, 0);
});

Deno.test("urgent answers go before others, and small ones amid large ones", () => {
  const end = opened();
  end.connection.feed(windowUpdate(0, 2 ** 24));
  const body = new Uint8Array(60_000);
  const ask = (id: number, priority?: string) => {
    const fields = priority === undefined ? [] : [["priority", priority] as const];
    end.connection.feed(headers(id, requestFields({}, fields)));
    const stream = end.streams.get(id) as never;
    end.connection.respond(stream, 200, sourceOf([]), false);
    end.connection.sendData(stream, body, 0, id === 5 ? 100 : body.length, true);
  };
  for (const id of [1, 3, 5]) ask(id);
  ask(7, "u=1");
  const order = end.frames().filter((line) => line.startsWith("data"));
  const first = (id: number) => order.findIndex((line) => line.startsWith(`data ${id} `));
  const urgentEnd = order.findIndex((line) => /^data 7 .*end/.test(line));
  assert.ok(urgentEnd < first(3) && urgentEnd < first(5), order.join("\n"));
  assert.ok(first(5) < order.findIndex((line) => /^data 3 .*end/.test(line)), order.join("\n"));
});

Deno.test("a shutdown lets in what was on its way, then nothing, and is over with the last stream", () => {
  const end = opened();
  end.connection.feed(headers(1, requestFields()));
  end.connection.shutDown();
  assert.deepEqual(end.frames(), ["goaway 2147483647 0", "ping"]);
  end.connection.feed(headers(3, requestFields()));
  assert.deepEqual(
    framesAfter(end, frame(FRAME.ping, { flags: FLAG.ack, payload: new Uint8Array(8) })),
    ["goaway 3 0"],
  );
  assert.deepEqual(
    framesAfter(end, headers(5, requestFields(), { ended: false }), data(5, "a")),
    [],
  );
  assert.equal(end.connection.isOver, false);
  for (const stream of end.streams.values()) {
    end.connection.respond(stream, 204, sourceOf([]), true);
  }
  assert.equal(end.connection.isOver, true);
  assert.equal(end.facts.filter((fact) => fact.startsWith("request")).length, 2);
});

Deno.test("a client that says it leaves is served to its end, and left then", () => {
  const goaway = frame(FRAME.goaway, { payload: new Uint8Array(8) });
  const quiet = opened();
  assert.deepEqual(framesAfter(quiet, goaway), ["goaway 0 0"]);
  assert.equal(quiet.connection.isOver, true);
  const busy = opened();
  busy.onRequest = () => {};
  assert.deepEqual(framesAfter(busy, headers(1, requestFields()), goaway), []);
  assert.equal(busy.connection.isOver, false);
  assert.deepEqual(framesAfter(busy, headers(3, requestFields())), []);
  for (const stream of [...busy.connection.streams.values()]) {
    busy.connection.respond(stream, 204, sourceOf([]), true);
  }
  assert.deepEqual(busy.frames(), ["headers 1 end", "headers 3 end", "goaway 3 0"]);
  assert.equal(busy.connection.isOver, true);
});

Deno.test("frames for a stream that we have reset are ignored, and their bytes counted once", () => {
  const end = opened();
  end.onData = () => {};
  end.connection.feed(headers(1, requestFields({ ":method": "POST" }), { ended: false }));
  end.connection.feed(data(1, "a".repeat(1000)));
  end.connection.reset(end.streams.get(1) as never, ERROR.noError);
  assert.deepEqual(end.frames(), ["rstStream 1 0"]);
  let granted = 0;
  for (let i = 0; i < 100; i++) {
    for (const line of framesAfter(end, data(1, "a".repeat(16_000)))) {
      granted += Number(line.split(" ")[2]);
    }
  }
  assert.equal(end.connection.hasFailed, false);
  assert.ok(Math.abs(granted - 1_601_000) <= 2 ** 19);
});

Deno.test("frames for any number of streams that we have reset at once are ignored", () => {
  const end = opened({ maxStreams: 1000 });
  const ids = Array.from({ length: 1000 }, (_, i) => 2 * i + 1);
  const fields = requestFields({ ":method": "POST" });
  for (const id of ids) end.connection.feed(headers(id, fields, { ended: false }));
  for (const id of ids) end.connection.reset(end.streams.get(id) as never, ERROR.noError);
  end.output();
  for (const id of ids) end.connection.feed(data(id, "on its way"));
  assert.deepEqual(end.frames(), []);
  assert.equal(end.connection.hasFailed, false);
});

/** Floods, each of which ends the connection at a bounded cost. */
const FLOODS: readonly [what: string, frames: (i: number) => Uint8Array, most: number][] = [
  [
    "rapid reset",
    (i) => joined([headers(2 * i + 1, requestFields()), resetFrame(2 * i + 1, 8)]),
    101,
  ],
  [
    "streams that we reset for the client's faults",
    (i) => joined([headers(2 * i + 1, requestFields()), windowUpdate(2 * i + 1, 0)]),
    101,
  ],
  ["malformed requests", (i) => headers(2 * i + 1, requestFields({ ":path": "" })), 101],
  ["PING", () => frame(FRAME.ping, { payload: new Uint8Array(8) }), 1001],
  ["acknowledged PING", () => frame(FRAME.ping, { flags: 1, payload: new Uint8Array(8) }), 1001],
  ["SETTINGS", () => settings(), 1001],
  ["acknowledged SETTINGS", () => frame(FRAME.settings, { flags: FLAG.ack }), 1001],
  ["PRIORITY", () => frame(FRAME.priority, { id: 1, payload: [0, 0, 0, 3, 1] }), 1001],
  ["PRIORITY_UPDATE", () => frame(FRAME.priorityUpdate, { payload: [0, 0, 0, 1, 0x69] }), 1001],
  ["small WINDOW_UPDATE", () => windowUpdate(0, 1), 1001],
  ["frames of unknown types", () => frame(0x77), 1001],
  [
    "RST_STREAM on streams that are over",
    (i) => i === 0 ? joined([headers(1, requestFields()), resetFrame(1, 8)]) : resetFrame(1, 8),
    1010,
  ],
  [
    "WINDOW_UPDATE on streams that are over",
    (i) =>
      i === 0
        ? joined([headers(1, requestFields()), resetFrame(1, 8)])
        : windowUpdate(1, 2 * SMALL_INCREMENT),
    1010,
  ],
  [
    "empty DATA",
    (i) => i === 0 ? headers(1, requestFields(), { ended: false }) : data(1, ""),
    1010,
  ],
  [
    "padding without DATA",
    (i) =>
      i === 0
        ? headers(1, requestFields(), { ended: false })
        : frame(FRAME.data, { id: 1, flags: FLAG.padded, payload: [1, 0] }),
    1010,
  ],
  [
    "CONTINUATION",
    (i) => i === 0 ? frame(FRAME.headers, { id: 1 }) : frame(FRAME.continuation, { id: 1 }),
    18,
  ],
  [
    "a block without end",
    (i) =>
      frame(i === 0 ? FRAME.headers : FRAME.continuation, {
        id: 1,
        payload: new Uint8Array(16_384),
      }),
    4,
  ],
];

Deno.test("floods end the connection with ENHANCE_YOUR_CALM, soon", () => {
  for (const [what, frames, most] of FLOODS) {
    const end = opened();
    let sent = 0;
    while (!end.connection.hasFailed && sent <= most) {
      end.connection.feed(frames(sent++));
      if (!end.connection.hasFailed) end.output();
    }
    assert.ok(sent <= most, `${what}: ${sent}`);
    assert.match(
      end.frames().at(-1) ?? "",
      new RegExp(`^goaway \\d+ ${ERROR.enhanceYourCalm}$`),
      what,
    );
  }
});

Deno.test("clients that refuse nothing and reset little are left alone", () => {
  const end = opened();
  end.onEnd = (stream) => end.connection.respond(stream, 204, sourceOf([]), true);
  for (let i = 0; i < 5000; i++) {
    const id = 2 * i + 1;
    end.connection.feed(headers(id, requestFields(), { ended: i % 10 !== 0 }));
    if (i % 10 === 0) end.connection.feed(resetFrame(id, ERROR.cancel));
    end.connection.feed(windowUpdate(0, 1));
    end.output();
  }
  assert.equal(end.connection.hasFailed, false);
  assert.ok(BUDGETS.resets.start < 500);
});

Deno.test("clients that read an answer in pieces behind its end are left alone", () => {
  const end = opened();
  end.connection.feed(settings([[SETTING.initialWindowSize, 2 ** 22]]));
  end.connection.feed(windowUpdate(0, 2 ** 30));
  const body = new Uint8Array(2 ** 16);
  for (let id = 1; id < 10; id += 2) {
    end.connection.feed(headers(id, requestFields()));
    const stream = end.streams.get(id) as never;
    end.connection.respond(stream, 200, sourceOf([]), false);
    for (let left = 2 ** 22 - body.length; left >= 0; left -= body.length) {
      end.connection.sendData(stream, body, 0, body.length, left === 0);
      end.output();
    }
    assert.equal(end.connection.streams.size, 0);
    // as clients in Go do, for each read of 4 KiB
    for (let i = 0; i < 1024; i++) end.connection.feed(windowUpdate(id, 4096));
  }
  assert.equal(end.connection.hasFailed, false);
});

Deno.test("whatever comes, a connection ends or goes on, and tells nothing behind its end", () => {
  const pieces = fc.oneof(
    fc.constantFrom(
      headers(1, requestFields()),
      headers(3, requestFields({ ":method": "POST" }), { ended: false }),
      headers(5, requestFields({}, [["content-length", "3"]]), { ended: false }),
      data(3, "abc"),
      data(5, "abc", true),
      data(3, "", true),
      headers(3, [["x-t", "1"]]),
      resetFrame(3, 8),
      windowUpdate(1, 1000),
      settings([[SETTING.initialWindowSize, 0]]),
      frame(FRAME.continuation, { id: 3, flags: FLAG.endHeaders }),
      frame(FRAME.headers, { id: 7, payload: block(requestFields()) }),
      frame(FRAME.goaway, { payload: new Uint8Array(8) }),
    ),
    fc.record({
      type: fc.nat(17),
      flags: fc.nat(255),
      id: fc.nat(9),
      payload: fc.uint8Array({ maxLength: 40 }),
    }).map(({ type, ...rest }) => frame(type, rest)),
    fc.uint8Array({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), fc.nat(7), (pieces, cut) => {
      const end = opened();
      end.onRequest = (stream) => end.connection.respond(stream, 200, sourceOf([]), false);
      end.onEnd = (stream) => end.connection.sendData(stream, new Uint8Array(30), 0, 30, true);
      const bytes = joined(pieces);
      const step = cut === 0 ? bytes.length || 1 : cut;
      let output: Uint8Array = NOTHING;
      for (let at = 0; at < bytes.length; at += step) {
        end.connection.feed(bytes.slice(at, at + step));
        output = joined([output, end.output()]);
      }
      const { frames, rest } = splitFrames(output);
      assert.equal(rest.length, 0);
      // one without an error answers the client's own
      const goaways = briefFrames(frames).filter((line) => /^goaway \d+ [1-9]/.test(line));
      assert.equal(goaways.length, end.connection.hasFailed ? 1 : 0);
      if (end.connection.hasFailed) {
        assert.equal(frames.at(-1)?.type, FRAME.goaway);
        assert.equal(end.connection.streams.size, 0);
        assert.match(end.facts.at(-1) ?? "", /^failed/);
      }
    }),
    { numRuns: 1500 },
  );
});
