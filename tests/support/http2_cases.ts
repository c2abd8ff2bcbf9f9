import { ERROR, FLAG, FRAME, SETTING } from "../../lib/http2/wire.ts";
import {
  block,
  data,
  frame,
  headers,
  joined,
  type RawField,
  requestFields,
  resetFrame,
  settings,
  uint32,
  windowUpdate,
} from "./http2_frames.ts";

/** What a client waits for before it goes on: an acknowledgement, DATA, the end of stream 1. */
type Wait = "acknowledged" | "data" | "ended";

/** What has to come of it. */
export type Outcome =
  /** GOAWAY with one of these codes, and the end of the connection. */
  | { readonly is: "connection error"; readonly codes: readonly number[] }
  /** RST_STREAM with one of these codes, or a connection error. */
  | { readonly is: "stream error"; readonly codes: readonly number[] }
  /** The end of the connection. */
  | { readonly is: "end" }
  /** An answer on stream 1. */
  | { readonly is: "answer" }
  /** The next DATA has just so many bytes. */
  | { readonly is: "data"; readonly bytes: number }
  /** An acknowledgement of settings, behind as many as were waited for. */
  | { readonly is: "acknowledgement" }
  /** The last PING is answered, and no other. */
  | { readonly is: "pong" };

/** A case: the section of RFC 9113 (or 7541), what a client does, and what comes of it. */
export type Http2Case = readonly [
  section: string,
  what: string,
  sent: readonly (Uint8Array | Wait)[],
  outcome: Outcome,
];

const broken = (...codes: number[]): Outcome => ({ is: "connection error", codes });
const refused = (...codes: number[]): Outcome => ({ is: "stream error", codes });
const ENDED: Outcome = { is: "end" };
const ANSWERED: Outcome = { is: "answer" };
const PONG: Outcome = { is: "pong" };

const AUTHORITY = { ":authority": "localhost" };
const GET_FIELDS = requestFields(AUTHORITY);
const POST_FIELDS = requestFields({ ...AUTHORITY, ":method": "POST" });
const GET = headers(1, GET_FIELDS);
const GET_OPEN = headers(1, GET_FIELDS, { ended: false });
const POST_OPEN = headers(1, POST_FIELDS, { ended: false });
const CANCEL = resetFrame(1, ERROR.cancel);
const PING = frame(FRAME.ping, { payload: [0x68, 0x32, 0x73, 0x70, 0x65, 0x63, 0, 0] });
const DUMMY: readonly RawField[] = [["x-dummy0", "x".repeat(4000)]];
const END = FLAG.endStream;
const END_HEADERS = FLAG.endHeaders;

function get(changes: Record<string, string | undefined>, rest: readonly RawField[] = []) {
  return headers(1, requestFields({ ...AUTHORITY, ...changes }, rest));
}

/** A request whose block ends with these bytes. */
function getWith(behind: readonly number[], before: readonly number[] = []): Uint8Array {
  const payload = joined([before, block(GET_FIELDS), behind]);
  return frame(FRAME.headers, { id: 1, flags: END | END_HEADERS, payload });
}

/** HEADERS whose block goes on. */
function begun(fields: readonly RawField[], ended = true): Uint8Array {
  return frame(FRAME.headers, { id: 1, flags: ended ? END : 0, payload: block(fields) });
}

function continued(id: number, last: boolean, payload: Uint8Array = block(DUMMY)): Uint8Array {
  return frame(FRAME.continuation, { id, flags: last ? END_HEADERS : 0, payload });
}

function priority(id: number, dependency = 0, weight = 255, exclusive = false): Uint8Array {
  const on = uint32(exclusive ? dependency + 2 ** 31 : dependency);
  return frame(FRAME.priority, { id, payload: [...on, weight] });
}

function goaway(code: number, id = 0): Uint8Array {
  return frame(FRAME.goaway, { id, payload: [...uint32(0), ...uint32(code)] });
}

function post(length: number): Uint8Array {
  const fields = [...POST_FIELDS, ["content-length", String(length)] as const];
  return headers(1, fields, { ended: false });
}

const ascii = (text: string) => Array.from(new TextEncoder().encode(text));
/** `user-agent: h2spec` and `x-test: h2spec` behind their first byte, plain and by Huffman. */
const AGENT = [10, ...ascii("user-agent"), 6, ...ascii("h2spec")];
const AGENT_CODED = [
  ...[0x87, 0xb5, 0x05, 0xb1, 0x61, 0xcc, 0x5a, 0x93],
  ...[0x84, 0x9c, 0x48, 0xac, 0xa4],
];
const TEST = [6, ...ascii("x-test"), 6, ...ascii("h2spec")];
const TEST_NAME = [0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff];
const TEST_CODED = [...TEST_NAME, 0x84, 0x9c, 0x48, 0xac, 0xa4];

/** What is to be accepted. */
const ACCEPTED: readonly Http2Case[] = [
  ["5.1", "PRIORITY on an idle stream", [priority(1), PING], PONG],
  [
    "5.1",
    "WINDOW_UPDATE on a half-closed (remote) stream",
    [settings([[SETTING.initialWindowSize, 0]]), GET, windowUpdate(1, 1)],
    { is: "data", bytes: 1 },
  ],
  [
    "5.1",
    "PRIORITY on a half-closed (remote) stream",
    [settings([[SETTING.initialWindowSize, 0]]), GET, priority(1), windowUpdate(1, 1)],
    { is: "data", bytes: 1 },
  ],
  ["5.1", "RST_STREAM on a half-closed (remote) stream", [GET, CANCEL, PING], PONG],
  ["5.1", "PRIORITY on a closed stream", [GET, "ended", priority(1), PING], PONG],
  ["6.1", "DATA", [POST_OPEN, data(1, "test", true)], ANSWERED],
  ["6.1", "more DATA", [POST_OPEN, data(1, "test"), data(1, "test", true)], ANSWERED],
  [
    "6.1",
    "DATA with padding",
    [
      POST_OPEN,
      frame(FRAME.data, {
        id: 1,
        flags: END | FLAG.padded,
        payload: [6, ...ascii("test"), 0, 0, 0, 0, 0, 0],
      }),
    ],
    ANSWERED,
  ],
  ["6.2", "HEADERS", [GET], ANSWERED],
  [
    "6.2",
    "HEADERS with padding",
    [
      frame(FRAME.headers, {
        id: 1,
        flags: END | END_HEADERS | FLAG.padded,
        payload: joined([[8], block(GET_FIELDS), new Uint8Array(8)]),
      }),
    ],
    ANSWERED,
  ],
  [
    "6.2",
    "HEADERS with a priority",
    [
      frame(FRAME.headers, {
        id: 1,
        flags: END | END_HEADERS | FLAG.priority,
        payload: joined([uint32(0), [255], block(GET_FIELDS)]),
      }),
    ],
    ANSWERED,
  ],
  ["6.3", "PRIORITY of weight 1", [priority(1, 0, 0), GET], ANSWERED],
  ["6.3", "PRIORITY of weight 256", [priority(1, 0, 255), GET], ANSWERED],
  ["6.3", "PRIORITY with a dependency", [priority(3, 1, 0), GET], ANSWERED],
  ["6.3", "PRIORITY that is exclusive", [priority(1, 0, 0, true), GET], ANSWERED],
  ["6.3", "PRIORITY on an idle stream, then a lower one", [priority(3), GET], ANSWERED],
  ["6.4", "RST_STREAM", [GET_OPEN, CANCEL, PING], PONG],
  [
    "6.5",
    "SETTINGS",
    [
      settings([
        [SETTING.headerTableSize, 4096],
        [SETTING.enablePush, 1],
        [SETTING.maxConcurrentStreams, 100],
        [SETTING.initialWindowSize, 65_535],
        [SETTING.maxFrameSize, 16_384],
        [SETTING.maxHeaderListSize, 100],
      ]),
    ],
    { is: "acknowledgement" },
  ],
  ["6.7", "PING", [PING], PONG],
  ["6.8", "GOAWAY", [goaway(ERROR.noError)], ENDED],
  ["6.9", "WINDOW_UPDATE on the connection", [windowUpdate(0, 1), PING], PONG],
  ["6.9", "WINDOW_UPDATE on a stream", [GET, windowUpdate(1, 1)], ANSWERED],
  [
    "6.10",
    "CONTINUATION",
    [
      frame(FRAME.headers, { id: 1, flags: END, payload: block(GET_FIELDS).slice(0, 5) }),
      continued(1, true, block(GET_FIELDS).slice(5)),
    ],
    ANSWERED,
  ],
  [
    "6.10",
    "more CONTINUATION",
    [
      frame(FRAME.headers, { id: 1, flags: END, payload: block(GET_FIELDS).slice(0, 5) }),
      continued(1, false, block(GET_FIELDS).slice(5, 10)),
      continued(1, true, block(GET_FIELDS).slice(10)),
    ],
    ANSWERED,
  ],
  ["8.1", "GET", [GET], ANSWERED],
  ["8.1", "HEAD", [get({ ":method": "HEAD" })], ANSWERED],
  ["8.1", "POST", [POST_OPEN, data(1, "test", true)], ANSWERED],
  [
    "8.1",
    "POST with trailers",
    [
      headers(1, [...POST_FIELDS, ["trailer", "x-test"]], { ended: false }),
      data(1, "test"),
      headers(1, [["x-test", "ok"]]),
    ],
    ANSWERED,
  ],
  ["HPACK 6.1", "an indexed field", [getWith([0xba])], ANSWERED],
  ["HPACK 6.2.1", "a field that enters the table", [getWith([0x40, ...AGENT])], ANSWERED],
  ["HPACK 6.2.1", "the same by Huffman", [getWith([0x40, ...AGENT_CODED])], ANSWERED],
  ["HPACK 6.2.1", "a new name that enters the table", [getWith([0x40, ...TEST])], ANSWERED],
  ["HPACK 6.2.1", "the same by Huffman", [getWith([0x40, ...TEST_CODED])], ANSWERED],
  ["HPACK 6.2.1", "a name by its index that enters", [getWith([0x7a, 2, 0x68, 0x32])], ANSWERED],
  ["HPACK 6.2.2", "a field without indexing", [getWith([0x00, ...AGENT])], ANSWERED],
  ["HPACK 6.2.2", "the same by Huffman", [getWith([0x00, ...AGENT_CODED])], ANSWERED],
  ["HPACK 6.2.2", "a new name without indexing", [getWith([0x00, ...TEST])], ANSWERED],
  ["HPACK 6.2.2", "the same by Huffman", [getWith([0x00, ...TEST_CODED])], ANSWERED],
  ["HPACK 6.2.3", "a field never to be indexed", [getWith([0x10, ...AGENT])], ANSWERED],
  ["HPACK 6.2.3", "the same by Huffman", [getWith([0x10, ...AGENT_CODED])], ANSWERED],
  ["HPACK 6.2.3", "a new name never to be indexed", [getWith([0x10, ...TEST])], ANSWERED],
  ["HPACK 6.2.3", "the same by Huffman", [getWith([0x10, ...TEST_CODED])], ANSWERED],
  ["HPACK 6.3", "an update of the table's size", [getWith([], [0x20])], ANSWERED],
  ["HPACK 4.2", "two updates of it", [getWith([], [0x20, 0x3f, 0xe1, 0x1f])], ANSWERED],
];

/** What is to be refused, ignored or held to, by RFC 9113. */
const HELD: readonly Http2Case[] = [
  ["4.1", "a frame of unknown type", [frame(0x16, { payload: new Uint8Array(8) }), PING], PONG],
  [
    "4.1",
    "flags without a meaning",
    [frame(FRAME.ping, { flags: 0x16, payload: ascii("12345678") })],
    PONG,
  ],
  [
    "4.1",
    "the reserved bit",
    [frame(FRAME.ping, { id: 2 ** 31, payload: ascii("12345678") })],
    PONG,
  ],
  ["4.2", "DATA of 16,384 bytes", [POST_OPEN, data(1, "x".repeat(16_384), true)], ANSWERED],
  [
    "4.2",
    "DATA of one more",
    [POST_OPEN, data(1, "x".repeat(16_385), true)],
    refused(ERROR.frameSizeError),
  ],
  [
    "4.2",
    "HEADERS of too many",
    [headers(1, [...GET_FIELDS, ...Array(5).fill(DUMMY[0])])],
    broken(ERROR.frameSizeError),
  ],
  [
    "4.3",
    "a block that is no HPACK",
    [frame(FRAME.headers, { id: 1, flags: END | END_HEADERS, payload: [0x40] })],
    broken(ERROR.compressionError),
  ],
  [
    "4.3",
    "PRIORITY amid a block",
    [begun(GET_FIELDS, false), priority(1), continued(1, true)],
    broken(ERROR.protocolError),
  ],
  [
    "4.3",
    "HEADERS of another stream amid a block",
    [begun(GET_FIELDS, false), headers(3, GET_FIELDS), continued(1, true)],
    broken(ERROR.protocolError),
  ],
  ["5.1", "DATA on an idle stream", [data(1, "test", true)], broken(ERROR.protocolError)],
  ["5.1", "RST_STREAM on an idle stream", [CANCEL], broken(ERROR.protocolError)],
  ["5.1", "WINDOW_UPDATE on an idle stream", [windowUpdate(1, 100)], broken(ERROR.protocolError)],
  [
    "5.1",
    "CONTINUATION on an idle stream",
    [continued(1, true, block(GET_FIELDS))],
    broken(ERROR.protocolError),
  ],
  [
    "5.1",
    "DATA on a half-closed (remote) stream",
    [GET, data(1, "test", true)],
    refused(ERROR.streamClosed),
  ],
  ["5.1", "HEADERS on a half-closed (remote) stream", [GET, GET], refused(ERROR.streamClosed)],
  [
    "5.1",
    "CONTINUATION on a half-closed (remote) stream",
    [GET, continued(1, true, block(GET_FIELDS))],
    refused(ERROR.streamClosed, ERROR.protocolError),
  ],
  [
    "5.1",
    "DATA behind RST_STREAM",
    [GET_OPEN, CANCEL, data(1, "test", true)],
    refused(ERROR.streamClosed),
  ],
  ["5.1", "HEADERS behind RST_STREAM", [GET_OPEN, CANCEL, GET], refused(ERROR.streamClosed)],
  [
    "5.1",
    "CONTINUATION behind RST_STREAM",
    [GET_OPEN, CANCEL, continued(1, true)],
    refused(ERROR.streamClosed, ERROR.protocolError),
  ],
  [
    "5.1",
    "DATA on a closed stream",
    [GET, "ended", data(1, "test", true)],
    broken(ERROR.streamClosed),
  ],
  ["5.1", "HEADERS on a closed stream", [GET, "ended", GET], broken(ERROR.streamClosed)],
  [
    "5.1",
    "CONTINUATION on a closed stream",
    [GET, "ended", continued(1, true)],
    broken(ERROR.streamClosed, ERROR.protocolError),
  ],
  ["5.1.1", "a stream of even number", [headers(2, GET_FIELDS)], broken(ERROR.protocolError)],
  [
    "5.1.1",
    "a stream of lower number",
    [headers(5, GET_FIELDS), headers(3, GET_FIELDS)],
    broken(ERROR.protocolError),
  ],
  [
    "5.1.2",
    "more streams than are allowed",
    [
      settings([[SETTING.initialWindowSize, 0]]),
      ...Array.from({ length: 101 }, (_, i) => headers(2 * i + 1, GET_FIELDS)),
    ],
    refused(ERROR.protocolError, ERROR.refusedStream),
  ],
  [
    "5.3.1",
    "HEADERS that depend on themselves",
    [
      frame(FRAME.headers, {
        id: 1,
        flags: END | END_HEADERS | FLAG.priority,
        payload: joined([uint32(1), [255], block(GET_FIELDS)]),
      }),
    ],
    refused(ERROR.protocolError),
  ],
  ["5.3.1", "PRIORITY that depends on itself", [priority(1, 1)], refused(ERROR.protocolError)],
  [
    "5.4.1",
    "what breaks the connection ends it",
    [frame(FRAME.ping, { id: 3, payload: new Uint8Array(8) })],
    broken(ERROR.protocolError),
  ],
  ["5.5", "an extension's frame", [frame(0x16, { payload: new Uint8Array(8) }), PING], PONG],
  [
    "5.5",
    "an extension's frame amid a block",
    [begun(GET_FIELDS), frame(0x16, { payload: new Uint8Array(8) })],
    broken(ERROR.protocolError),
  ],
  ["6.1", "DATA on no stream", [data(0, "test", true)], broken(ERROR.protocolError)],
  [
    "6.1",
    "DATA on a stream that has ended",
    [headers(1, POST_FIELDS), data(1, "test", true)],
    refused(ERROR.streamClosed),
  ],
  [
    "6.1",
    "DATA with more padding than there is",
    [
      post(4),
      frame(FRAME.data, { id: 1, flags: END | FLAG.padded, payload: [6, ...ascii("Test")] }),
    ],
    broken(ERROR.protocolError),
  ],
  ["6.2", "HEADERS on no stream", [headers(0, GET_FIELDS)], broken(ERROR.protocolError)],
  [
    "6.2",
    "HEADERS with more padding than there is",
    [
      frame(FRAME.headers, {
        id: 1,
        flags: END | END_HEADERS | FLAG.padded,
        payload: joined([[block(GET_FIELDS).length + 2], block(GET_FIELDS)]),
      }),
    ],
    refused(ERROR.protocolError),
  ],
  ["6.3", "PRIORITY on no stream", [priority(0)], broken(ERROR.protocolError)],
  [
    "6.3",
    "PRIORITY of 4 bytes",
    [GET, frame(FRAME.priority, { id: 1, payload: uint32(2 ** 31 + 1) })],
    refused(ERROR.frameSizeError),
  ],
  ["6.4", "RST_STREAM on no stream", [resetFrame(0, ERROR.cancel)], broken(ERROR.protocolError)],
  [
    "6.4",
    "RST_STREAM of 3 bytes",
    [GET, frame(FRAME.rstStream, { id: 1, payload: [0, 0, 0] })],
    broken(ERROR.frameSizeError),
  ],
  [
    "6.5",
    "an acknowledgement with a payload",
    [frame(FRAME.settings, { flags: FLAG.ack, payload: [0] })],
    broken(ERROR.frameSizeError),
  ],
  [
    "6.5",
    "SETTINGS on a stream",
    [frame(FRAME.settings, { id: 1, payload: [0, 3, 0, 0, 0, 0x64] })],
    broken(ERROR.protocolError),
  ],
  [
    "6.5",
    "SETTINGS of no multiple of 6, before all has come",
    [frame(FRAME.settings, { length: 9, payload: [0, 3, 0, 0, 0, 0x64, 0, 2] })],
    broken(ERROR.protocolError, ERROR.frameSizeError),
  ],
  [
    "6.5.2",
    "ENABLE_PUSH of 2",
    [settings([[SETTING.enablePush, 2]])],
    broken(ERROR.protocolError),
  ],
  [
    "6.5.2",
    "INITIAL_WINDOW_SIZE of 2^31",
    [settings([[SETTING.initialWindowSize, 2 ** 31]])],
    broken(ERROR.flowControlError),
  ],
  [
    "6.5.2",
    "MAX_FRAME_SIZE of 16,383",
    [settings([[SETTING.maxFrameSize, 16_383]])],
    broken(ERROR.protocolError),
  ],
  [
    "6.5.2",
    "MAX_FRAME_SIZE of 2^24",
    [settings([[SETTING.maxFrameSize, 2 ** 24]])],
    broken(ERROR.protocolError),
  ],
  ["6.5.2", "a setting that nobody knows", [settings([[0xff, 1]]), PING], PONG],
  [
    "6.5.3",
    "the last of two values counts",
    [
      settings([[SETTING.initialWindowSize, 100], [SETTING.initialWindowSize, 1]]),
      "acknowledged",
      GET,
    ],
    { is: "data", bytes: 1 },
  ],
  [
    "6.5.3",
    "SETTINGS is acknowledged",
    [settings([[SETTING.enablePush, 0]])],
    { is: "acknowledgement" },
  ],
  [
    "6.7",
    "an answer to PING is not answered",
    [frame(FRAME.ping, { flags: FLAG.ack, payload: ascii("invalid\0") }), PING],
    PONG,
  ],
  [
    "6.7",
    "PING on a stream",
    [frame(FRAME.ping, { id: 1, payload: new Uint8Array(8) })],
    broken(ERROR.protocolError),
  ],
  [
    "6.7",
    "PING of 6 bytes",
    [frame(FRAME.ping, { payload: new Uint8Array(6) })],
    broken(ERROR.frameSizeError),
  ],
  ["6.8", "GOAWAY on a stream", [goaway(ERROR.noError, 1)], broken(ERROR.protocolError)],
  ["6.9", "WINDOW_UPDATE of 0", [windowUpdate(0, 0)], broken(ERROR.protocolError)],
  [
    "6.9",
    "WINDOW_UPDATE of 0 on a stream",
    [GET_OPEN, windowUpdate(1, 0)],
    refused(ERROR.protocolError),
  ],
  [
    "6.9",
    "WINDOW_UPDATE of 3 bytes",
    [frame(FRAME.windowUpdate, { payload: [0, 0, 1] })],
    broken(ERROR.frameSizeError),
  ],
  [
    "6.9.1",
    "no DATA beyond the window",
    [settings([[SETTING.initialWindowSize, 1]]), "acknowledged", GET],
    { is: "data", bytes: 1 },
  ],
  [
    "6.9.1",
    "a window over 2^31-1",
    [windowUpdate(0, 2 ** 31 - 1), windowUpdate(0, 2 ** 31 - 1)],
    broken(ERROR.flowControlError),
  ],
  [
    "6.9.1",
    "a stream's window over 2^31-1",
    [GET_OPEN, windowUpdate(1, 2 ** 31 - 1), windowUpdate(1, 2 ** 31 - 1)],
    refused(ERROR.flowControlError),
  ],
  [
    "6.9.2",
    "a change of windows reaches streams that are open",
    [
      settings([[SETTING.initialWindowSize, 0]]),
      "acknowledged",
      GET,
      settings([[SETTING.initialWindowSize, 1]]),
      "acknowledged",
    ],
    { is: "data", bytes: 1 },
  ],
  [
    "6.9.2",
    "a window below 0",
    [
      settings([[SETTING.initialWindowSize, 3]]),
      "acknowledged",
      GET,
      "data",
      settings([[SETTING.initialWindowSize, 2]]),
      "acknowledged",
      windowUpdate(1, 2),
    ],
    { is: "data", bytes: 1 },
  ],
  [
    "6.10",
    "CONTINUATION of a head that is whole by itself",
    [begun(GET_FIELDS), continued(1, false), continued(1, true)],
    ANSWERED,
  ],
  [
    "6.10",
    "DATA behind CONTINUATION",
    [begun(POST_FIELDS, false), continued(1, false), data(1, "test", true)],
    broken(ERROR.protocolError),
  ],
  [
    "6.10",
    "CONTINUATION on no stream",
    [begun(GET_FIELDS), continued(0, true)],
    broken(ERROR.protocolError),
  ],
  [
    "6.10",
    "CONTINUATION behind the end of a block",
    [GET, continued(1, true)],
    broken(ERROR.protocolError),
  ],
  [
    "6.10",
    "CONTINUATION behind the last one",
    [begun(GET_FIELDS), continued(1, true), continued(1, true)],
    broken(ERROR.protocolError),
  ],
  [
    "6.10",
    "CONTINUATION behind DATA",
    [begun(POST_FIELDS, false), data(1, "test", true), continued(1, false)],
    broken(ERROR.protocolError),
  ],
  ["7", "GOAWAY with a code that nobody knows", [goaway(0xff)], ENDED],
  ["7", "RST_STREAM with a code that nobody knows", [POST_OPEN, resetFrame(1, 0xff), PING], PONG],
  [
    "8.1",
    "trailers that do not end the stream",
    [POST_OPEN, data(1, "test"), headers(1, [["x-test", "ok"]], { ended: false })],
    refused(ERROR.protocolError),
  ],
  ["8.2.1", "upper case in a name", [get({}, [["X-TEST", "ok"]])], refused(ERROR.protocolError)],
  ["8.3", "an unknown pseudo-field", [get({}, [[":test", "ok"]])], refused(ERROR.protocolError)],
  [
    "8.3",
    "an answer's pseudo-field",
    [get({}, [[":status", "200"]])],
    refused(ERROR.protocolError),
  ],
  [
    "8.3",
    "a pseudo-field in trailers",
    [POST_OPEN, data(1, "test"), headers(1, [[":method", "POST"]])],
    refused(ERROR.protocolError),
  ],
  [
    "8.3",
    "pseudo-fields behind a field",
    [headers(1, [["x-test", "ok"], ...GET_FIELDS])],
    refused(ERROR.protocolError),
  ],
  [
    "8.2.2",
    "a field of connections",
    [get({}, [["connection", "keep-alive"]])],
    refused(ERROR.protocolError),
  ],
  [
    "8.2.2",
    "te of more than trailers",
    [get({}, [["trailers", "test"], ["te", "trailers, deflate"]])],
    refused(ERROR.protocolError),
  ],
  ["8.3.1", "an empty :path", [get({ ":path": "" })], refused(ERROR.protocolError)],
  ["8.3.1", "no :method", [get({ ":method": undefined })], refused(ERROR.protocolError)],
  ["8.3.1", "no :scheme", [get({ ":scheme": undefined })], refused(ERROR.protocolError)],
  ["8.3.1", "no :path", [get({ ":path": undefined })], refused(ERROR.protocolError)],
  ...[":method", ":scheme", ":path", ":authority"].map((name): Http2Case => [
    "8.3.1",
    `${name} twice`,
    [headers(1, GET_FIELDS.flatMap((field) => field[0] === name ? [field, field] : [field]))],
    refused(ERROR.protocolError),
  ]),
  [
    "8.1.1",
    "a body that is longer than it says",
    [post(1), data(1, "test", true)],
    refused(ERROR.protocolError),
  ],
  [
    "8.1.1",
    "the same in pieces",
    [post(1), data(1, "test"), data(1, "test", true)],
    refused(ERROR.protocolError),
  ],
  [
    "8.4",
    "PUSH_PROMISE",
    [
      frame(FRAME.pushPromise, {
        id: 1,
        flags: END_HEADERS,
        payload: joined([uint32(3), block(GET_FIELDS)]),
      }),
    ],
    broken(ERROR.protocolError),
  ],
];

/** What is to be refused by RFC 7541. */
const BAD_BLOCKS: readonly [section: string, what: string, request: Uint8Array][] = [
  ["2.3.3", "an index beyond both tables", getWith([0xfe])],
  ["2.3.3", "a name's index beyond both tables", getWith([0x7e, 1, 0x61])],
  ["4.2", "an update of the table's size behind a field", getWith([0x21])],
  ["5.2", "padding of more than 7 bits", getWith([0, ...TEST_NAME, 0x84, 0x49, 0x50, 0x9f, 0xff])],
  ["5.2", "padding of zeros", getWith([0, ...TEST_NAME, 0x83, 0x49, 0x50, 0x90])],
  [
    "5.2",
    "the end of strings in a string",
    getWith([0, ...TEST_NAME, 0x87, 0xff, 0xff, 0xff, 0xfd, 0x25, 0x42, 0x7f]),
  ],
  ["6.1", "index 0", getWith([0x80])],
  ["6.3", "a table larger than is allowed", getWith([], [0x3f, 0xe2, 0x1f])],
];

/**
 * What h2spec puts to a server, in the words of RFC 9113 and RFC 7541, each with the one answer
 * that the RFC asks for where h2spec takes others as well.
 */
export const HTTP2_CASES: readonly Http2Case[] = [
  ...ACCEPTED,
  ...HELD,
  ...BAD_BLOCKS.map(([section, what, request]): Http2Case => [
    `HPACK ${section}`,
    what,
    [request],
    broken(ERROR.compressionError),
  ]),
];
