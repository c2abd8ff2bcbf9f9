import assert from "node:assert/strict";
import { frame, settings, uint32 } from "../../tests/support/http2_frames.ts";
import { joinBytes } from "../core/bytes.ts";
import { decodeLatin1, encodeLatin1 } from "../core/latin1.ts";
import { FrameDecoder, type FrameHandler } from "./frame_decoder.ts";
import { Http2Error } from "./http2_error.ts";
import { errorName, FLAG, FRAME, PREFACE } from "./wire.ts";

/** Writes down what it is told; pieces of one DATA frame together. */
class Recorder implements FrameHandler {
  readonly told: string[] = [];
  #data = "";

  dataBegins(id: number, length: number, padding: number, ended: boolean): void {
    this.#data = `data ${id}: ${length} with ${padding}${ended ? ", ended" : ""}: `;
  }

  dataPiece(bytes: Uint8Array, from: number, to: number, last: boolean): void {
    this.#data += decodeLatin1(bytes, from, to);
    if (last) this.told.push(this.#data);
  }

  headerBlock(block: Parameters<FrameHandler["headerBlock"]>[0]): void {
    const { id, bytes, from, to, ended, dependsOnItself } = block;
    const flags = `${ended ? ", ended" : ""}${dependsOnItself ? ", on itself" : ""}`;
    this.told.push(`block ${id}${flags}: ${decodeLatin1(bytes, from, to)}`);
  }

  badFrame = (id: number, code: number) => void this.told.push(`bad ${id} ${errorName(code)}`);
  streamReset = (id: number, code: number) => void this.told.push(`reset ${id} ${code}`);
  settingsFrame = (_: Uint8Array, from: number, to: number) =>
    void this.told.push(`settings ${to - from}`);
  settingsAck = () => void this.told.push("settings ack");
  pingFrame = (bytes: Uint8Array, from: number, ack: boolean) =>
    void this.told.push(`ping ${decodeLatin1(bytes, from, from + 8)}${ack ? " ack" : ""}`);
  goawayFrame = (lastId: number, code: number) => void this.told.push(`goaway ${lastId} ${code}`);
  windowUpdate = (id: number, by: number) => void this.told.push(`window ${id} ${by}`);
  priorityUpdate = (id: number, value: string) => void this.told.push(`priority ${id} ${value}`);
  idleFrame = () => void this.told.push("idle");
}

/** What is told of these bytes behind SETTINGS, in pieces of so many, and what ends them. */
function toldIn(bytes: Uint8Array, size: number): string[] {
  const recorder = new Recorder();
  const limits = { blockBytes: 64, awaitsPreface: true };
  const decoder = new FrameDecoder(recorder, limits);
  const all = joinBytes([PREFACE, settings(), bytes]);
  try {
    for (let at = 0; at < all.length; at += size) decoder.feed(all.slice(at, at + size));
  } catch (error) {
    assert.ok(error instanceof Http2Error, String(error));
    recorder.told.push(`${errorName(error.code)}: ${error.message}`);
  }
  assert.equal(recorder.told.shift(), "settings 0");
  return recorder.told;
}

/** The same however it is cut. */
function told(...frames: Uint8Array[]): string[] {
  const bytes = joinBytes(frames);
  const whole = toldIn(bytes, Infinity);
  for (const size of [1, 2, 7, 10]) assert.deepEqual(toldIn(bytes, size), whole, `${size} bytes`);
  return whole;
}

const text = (of: string) => encodeLatin1(of);
const END = FLAG.endHeaders;

const CASES: readonly [what: string, bytes: Uint8Array, told: string[]][] = [
  ["DATA", frame(FRAME.data, { id: 1, payload: text("ab") }), ["data 1: 2 with 0: ab"]],
  ["empty DATA that ends", frame(FRAME.data, { id: 3, flags: FLAG.endStream }), [
    "data 3: 0 with 0, ended: ",
  ]],
  [
    "padded DATA",
    frame(FRAME.data, { id: 1, flags: FLAG.padded, payload: text("\x03ab\0\0\0") }),
    ["data 1: 6 with 4: ab"],
  ],
  [
    "DATA of padding alone",
    frame(FRAME.data, { id: 1, flags: FLAG.padded, payload: text("\x02\0\0") }),
    ["data 1: 3 with 3: "],
  ],
  [
    "DATA with more padding than it has",
    frame(FRAME.data, { id: 1, flags: FLAG.padded, payload: text("\x03\0\0") }),
    ["PROTOCOL_ERROR: There is more padding than payload"],
  ],
  ["DATA without its padding", frame(FRAME.data, { id: 1, flags: FLAG.padded }), [
    "FRAME_SIZE_ERROR: DATA has 0 bytes",
  ]],
  ["DATA on no stream", frame(FRAME.data), ["PROTOCOL_ERROR: DATA stands on no stream"]],
  [
    "HEADERS with padding and a priority",
    frame(FRAME.headers, {
      id: 5,
      flags: END | FLAG.padded | FLAG.priority | FLAG.endStream,
      payload: [1, ...uint32(3), 16, ...text("xy"), 0],
    }),
    ["block 5, ended: xy"],
  ],
  [
    "HEADERS of a priority alone, exclusive and on itself",
    frame(FRAME.headers, {
      id: 5,
      flags: END | FLAG.priority,
      payload: [...uint32(0x8000_0005), 16],
    }),
    ["block 5, on itself: "],
  ],
  [
    "HEADERS with half a priority",
    frame(FRAME.headers, { id: 5, flags: END | FLAG.priority, payload: uint32(3) }),
    ["FRAME_SIZE_ERROR: HEADERS has no priority"],
  ],
  [
    "HEADERS whose padding takes the priority",
    frame(FRAME.headers, {
      id: 5,
      flags: END | FLAG.padded | FLAG.priority,
      payload: [1, ...uint32(3), 0],
    }),
    ["FRAME_SIZE_ERROR: HEADERS has no priority"],
  ],
  [
    "a block in three frames",
    joinBytes([
      frame(FRAME.headers, { id: 7, flags: FLAG.endStream, payload: text("a") }),
      frame(FRAME.continuation, { id: 7, payload: text("b") }),
      frame(FRAME.continuation, { id: 7, flags: END, payload: text("c") }),
      frame(FRAME.ping, { payload: text("12345678") }),
    ]),
    ["block 7, ended: abc", "ping 12345678"],
  ],
  ["CONTINUATION alone", frame(FRAME.continuation, { id: 1, flags: END }), [
    "PROTOCOL_ERROR: CONTINUATION stands without HEADERS",
  ]],
  [
    "CONTINUATION behind a block",
    joinBytes([
      frame(FRAME.headers, { id: 1, flags: END, payload: text("a") }),
      frame(FRAME.continuation, { id: 1, flags: END }),
    ]),
    ["block 1: a", "PROTOCOL_ERROR: CONTINUATION stands without HEADERS"],
  ],
  ...[
    frame(FRAME.continuation, { id: 3, flags: END }),
    frame(FRAME.ping, { payload: text("12345678") }),
    frame(0xbe),
    frame(FRAME.data, { id: 1 }),
  ].map((other): [string, Uint8Array, string[]] => [
    `a block that type ${other[3]} interrupts`,
    joinBytes([frame(FRAME.headers, { id: 1 }), other]),
    ["PROTOCOL_ERROR: A header block is interrupted"],
  ]),
  ["PRIORITY", frame(FRAME.priority, { id: 3, payload: [...uint32(1), 16] }), ["idle"]],
  ["PRIORITY on itself", frame(FRAME.priority, { id: 3, payload: [...uint32(3), 16] }), [
    "idle",
    "bad 3 PROTOCOL_ERROR",
  ]],
  ["PRIORITY of another size", frame(FRAME.priority, { id: 3, payload: uint32(1) }), [
    "idle",
    "bad 3 FRAME_SIZE_ERROR",
  ]],
  ["RST_STREAM", frame(FRAME.rstStream, { id: 3, payload: uint32(0xffff_ffff) }), [
    "reset 3 4294967295",
  ]],
  ["RST_STREAM of 5 bytes", frame(FRAME.rstStream, { id: 3, payload: text("12345") }), [
    "FRAME_SIZE_ERROR: RST_STREAM has 5 bytes",
  ]],
  ["SETTINGS that acknowledge", frame(FRAME.settings, { flags: FLAG.ack }), ["settings ack"]],
  [
    "SETTINGS that acknowledge and say something",
    frame(FRAME.settings, { flags: FLAG.ack, payload: text("123456") }),
    ["FRAME_SIZE_ERROR: SETTINGS has 6 bytes"],
  ],
  ["SETTINGS of half a setting", frame(FRAME.settings, { payload: text("1234567") }), [
    "FRAME_SIZE_ERROR: SETTINGS has 7 bytes",
  ]],
  ["SETTINGS on a stream", frame(FRAME.settings, { id: 1 }), [
    "PROTOCOL_ERROR: SETTINGS stands on a stream",
  ]],
  ["PUSH_PROMISE", frame(FRAME.pushPromise, { id: 1, payload: uint32(2) }), [
    "PROTOCOL_ERROR: PUSH_PROMISE is not allowed",
  ]],
  ["PING that answers", frame(FRAME.ping, { flags: FLAG.ack, payload: text("12345678") }), [
    "ping 12345678 ack",
  ]],
  ["PING of 7 bytes", frame(FRAME.ping, { payload: text("1234567") }), [
    "FRAME_SIZE_ERROR: PING has 7 bytes",
  ]],
  [
    "GOAWAY, with the reserved bit and words",
    frame(FRAME.goaway, { payload: [...uint32(0x8000_0009), ...uint32(2), ...text("why")] }),
    ["goaway 9 2"],
  ],
  ["GOAWAY of 7 bytes", frame(FRAME.goaway, { payload: text("1234567") }), [
    "FRAME_SIZE_ERROR: GOAWAY has 7 bytes",
  ]],
  ["WINDOW_UPDATE", frame(FRAME.windowUpdate, { payload: uint32(0x8000_0001) }), ["window 0 1"]],
  ["WINDOW_UPDATE of 3 bytes", frame(FRAME.windowUpdate, { id: 1, payload: text("123") }), [
    "FRAME_SIZE_ERROR: WINDOW_UPDATE has 3 bytes",
  ]],
  [
    "PRIORITY_UPDATE",
    frame(FRAME.priorityUpdate, { payload: [...uint32(3), ...text("u=1")] }),
    ["priority 3 u=1"],
  ],
  ["PRIORITY_UPDATE that says nothing", frame(FRAME.priorityUpdate, { payload: uint32(3) }), [
    "priority 3 ",
  ]],
  ["PRIORITY_UPDATE of 3 bytes", frame(FRAME.priorityUpdate, { payload: text("123") }), [
    "FRAME_SIZE_ERROR: PRIORITY_UPDATE has 3 bytes",
  ]],
  ["a frame of an unknown type", frame(0xbe, { id: 9, payload: text("abc") }), ["idle"]],
  ["a frame of 16385 bytes", frame(0xbe, { length: 16_385 }), [
    "FRAME_SIZE_ERROR: A frame has 16385 bytes",
  ]],
];

for (const [what, bytes, expected] of CASES) {
  Deno.test(`FrameDecoder reads ${what}`, () => assert.deepEqual(told(bytes), expected));
}

Deno.test("FrameDecoder takes a frame of 16384 bytes", () => {
  const payload = text("a".repeat(16_384));
  const [only = "", ...more] = toldIn(frame(FRAME.data, { id: 1, payload }), 5000);
  assert.deepEqual([only.length, more], ["data 1: 16384 with 0: ".length + 16_384, []]);
});

Deno.test("FrameDecoder takes nothing before the preface and SETTINGS", () => {
  const ping = frame(FRAME.ping, { payload: text("12345678") });
  const ack = frame(FRAME.settings, { flags: FLAG.ack });
  for (
    const [begin, why] of [
      [text("PRI * HTTP/1.1\r\n"), /does not begin with the preface/],
      [joinBytes([PREFACE, ping]), /does not begin with SETTINGS/],
      [joinBytes([PREFACE, ack]), /does not begin with SETTINGS/],
    ] as const
  ) {
    const limits = { blockBytes: 64, awaitsPreface: true };
    assert.throws(() => new FrameDecoder(new Recorder(), limits).feed(begin), why);
  }
});

Deno.test("FrameDecoder bounds the frames and the bytes of a header block", () => {
  const blockOf = (continuations: number, bytes: number) =>
    told(
      frame(FRAME.headers, { id: 1, payload: text("a".repeat(bytes)) }),
      ...Array.from(
        { length: continuations },
        (_, at) => frame(FRAME.continuation, { id: 1, flags: at + 1 === continuations ? END : 0 }),
      ),
    );
  assert.deepEqual(blockOf(16, 64), [`block 1: ${"a".repeat(64)}`]);
  assert.match(blockOf(17, 64).join(), /^ENHANCE_YOUR_CALM: .* CONTINUATION frames$/);
  assert.match(blockOf(1, 65).join(), /^ENHANCE_YOUR_CALM: .* bytes in a header block$/);
});
