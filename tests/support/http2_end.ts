import type { AcceptedEvents, AcceptedOptions } from "../../lib/http2/accepted_connection.ts";
import { AcceptedConnection } from "../../lib/http2/accepted_connection.ts";
import { type ConnectionEvents, type StreamReset, WINDOWS } from "../../lib/http2/connection.ts";
import {
  DialedConnection,
  type DialedEvents,
  type DialedOptions,
} from "../../lib/http2/dialed_connection.ts";
import { giveOutput } from "../../lib/http2/frame_writer.ts";
import type { FieldSource } from "../../lib/http2/sender.ts";
import type { Stream } from "../../lib/http2/stream.ts";
import { errorName } from "../../lib/http2/wire.ts";
import { latin1 } from "./connection.ts";
import { briefFrames, joined, splitFrames } from "./http2_frames.ts";

/** What a test remembers of a stream. */
export interface Seen {
  body: string;
}

export const OPTIONS: AcceptedOptions = {
  headers: { bytes: 16 * 1024, fields: 50 },
  maxStreams: 10,
  ...WINDOWS,
  extendedConnect: true,
  now: () => 0,
};

/** On answers. */
export const LIMITS = { headerBytes: 16 * 1024, headers: 50 };

/** A field as it is sent. */
export interface SentField {
  readonly key: string;
  readonly value: string;
}

export function sourceOf(fields: readonly SentField[]): FieldSource {
  return (put) => {
    for (const { key, value } of fields) put(key, value);
  };
}

type Options = Partial<typeof OPTIONS>;

/** A line for each fact: what a connection tells, in order. */
class Facts {
  readonly lines: string[] = [];

  data(id: number, text: string, ended: boolean): void {
    const last = this.lines.at(-1);
    const begun = `data ${id} `;
    // pieces of one body are one fact, however they were cut
    if (last?.startsWith(begun) && !last.endsWith("|")) {
      this.lines[this.lines.length - 1] = last + text + (ended ? "|" : "");
    } else if (text !== "" || ended) this.lines.push(begun + text + (ended ? "|" : ""));
  }
}

/** The server's end, which takes all and answers nothing by itself. */
export class ServerEnd {
  readonly connection: AcceptedConnection<Seen>;
  readonly streams = new Map<number, Stream<Seen>>();
  readonly #facts = new Facts();
  readonly #taken = new Map<Stream<Seen>, () => void>();
  /** What is to be done with a request besides. */
  onRequest: (stream: Stream<Seen>) => void = () => {};
  onData: (stream: Stream<Seen>, bytes: number) => void = (stream, bytes) =>
    this.connection.consumed(stream, bytes);
  onEnd: (stream: Stream<Seen>) => void = () => {};

  constructor(options: Options = {}) {
    const events: AcceptedEvents<Seen> = {
      ...commonEvents(this.#facts, () => this),
      request: (stream, head, ended) => {
        this.streams.set(stream.id, stream);
        const { method, scheme, authority, path, protocol, length, isCut } = head;
        const fields = head.fields.map(({ key, value }) => `${key}=${value}`);
        this.#facts.lines.push([
          `${isCut ? "cut " : ""}request ${stream.id}${ended ? " end" : ""}`,
          method,
          `${scheme}://${authority}${path}`,
          ...(protocol === undefined ? [] : [`protocol=${protocol}`]),
          ...(length === undefined ? [] : [`length=${length}`]),
          ...fields,
        ].join(" "));
        this.onRequest(stream);
        if (ended) this.onEnd(stream);
      },
      malformed: (id, error) => this.#facts.lines.push(`malformed ${id} ${error.code}`),
    };
    this.connection = new AcceptedConnection(events, { ...OPTIONS, ...options });
  }

  get facts(): readonly string[] {
    return this.#facts.lines;
  }

  /** What is to be done once a stream may send more; undefined for nothing. */
  whenTaken(stream: Stream<Seen>, then: (() => void) | undefined): void {
    if (then === undefined) this.#taken.delete(stream);
    else this.#taken.set(stream, then);
  }

  onTaken(stream: Stream<Seen>): void {
    this.#taken.get(stream)?.();
  }

  /** Streams that wait to send more. */
  get pending(): number {
    return this.#taken.size;
  }

  /** Takes all output there is. */
  output(): Uint8Array {
    return drain(this.connection);
  }

  /** The frames of the output there is, a line each. */
  frames(): string[] {
    return briefFrames(splitFrames(this.output()).frames);
  }
}

/** The client's end, likewise. */
export class ClientEnd {
  /** What each reset was told to be, where it was found here. */
  readonly errors: (string | undefined)[] = [];
  readonly connection: DialedConnection<Seen>;
  readonly #facts = new Facts();
  readonly #taken = new Map<Stream<Seen>, () => void>();
  onData: (stream: Stream<Seen>, bytes: number) => void = (stream, bytes) =>
    this.connection.consumed(stream, bytes);
  onEnd: (stream: Stream<Seen>) => void = () => {};

  constructor(options: Options & Partial<Pick<DialedOptions, "limits">> = {}) {
    const events: DialedEvents<Seen> = {
      ...commonEvents(this.#facts, () => this),
      reset: (stream, reset) => {
        tellReset(this.#facts, stream, reset);
        this.errors.push(reset.error?.code);
      },
      response: (stream, { status, length, fields }, ended) => {
        const line = [
          `response ${stream.id}${ended ? " end" : ""}`,
          status,
          ...(length === undefined ? [] : [`length=${length}`]),
          ...fields.map(({ key, value }) => `${key}=${value}`),
        ];
        this.#facts.lines.push(line.join(" "));
      },
      settled: () => this.#facts.lines.push("settled"),
      goingAway: (code) => this.#facts.lines.push(`going away ${errorName(code)}`),
      pong: () => this.#facts.lines.push("pong"),
    };
    this.connection = new DialedConnection(events, {
      ...OPTIONS,
      limits: LIMITS,
      ...options,
    });
  }

  get facts(): readonly string[] {
    return this.#facts.lines;
  }

  /** What is to be done once a stream may send more; undefined for nothing. */
  whenTaken(stream: Stream<Seen>, then: (() => void) | undefined): void {
    if (then === undefined) this.#taken.delete(stream);
    else this.#taken.set(stream, then);
  }

  onTaken(stream: Stream<Seen>): void {
    this.#taken.get(stream)?.();
  }

  /** Streams that wait to send more. */
  get pending(): number {
    return this.#taken.size;
  }

  output(): Uint8Array {
    return drain(this.connection);
  }

  frames(): string[] {
    return briefFrames(splitFrames(this.output()).frames);
  }
}

/** Carries bytes between the ends until neither has any. */
export function settle(a: ServerEnd | ClientEnd, b: ServerEnd | ClientEnd): void {
  for (;;) {
    const [from, to] = [a.output(), b.output()];
    if (from.length === 0 && to.length === 0) return;
    b.connection.feed(from);
    a.connection.feed(to);
  }
}

interface End {
  readonly connection: AcceptedConnection<Seen> | DialedConnection<Seen>;
  readonly onData: (stream: Stream<Seen>, bytes: number) => void;
  readonly onEnd: (stream: Stream<Seen>) => void;
  onTaken(stream: Stream<Seen>): void;
}

function commonEvents(facts: Facts, end: () => End): ConnectionEvents<Seen> {
  return {
    data: (stream, bytes, from, to, ended) => {
      const text = latin1(bytes.subarray(from, to));
      facts.data(stream.id, text, ended);
      stream.owner ??= { body: "" };
      stream.owner.body += text;
      end().onData(stream, to - from);
      if (ended) end().onEnd(stream);
    },
    trailers: (stream, fields) => {
      const line = fields.map(({ key, value }) => `${key}=${value}`);
      facts.lines.push([`trailers ${stream.id}`, ...line].join(" "));
      end().onEnd(stream);
    },
    reset: (stream, reset) => tellReset(facts, stream, reset),
    taken: (stream) => {
      facts.lines.push(`taken ${stream.id}`);
      end().onTaken(stream);
    },
    idle: () => {},
    output: () => {},
    failed: ({ code }) => facts.lines.push(`failed ${errorName(code)}`),
  };
}

function tellReset(facts: Facts, { id }: Stream<Seen>, reset: StreamReset): void {
  const { code, by, untouched } = reset;
  facts.lines.push(`reset ${id} ${errorName(code)} by ${by}${untouched ? ", untouched" : ""}`);
}

function drain(connection: AcceptedConnection<Seen> | DialedConnection<Seen>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = connection.takeOutput(); part !== undefined; part = connection.takeOutput()) {
    parts.push(part.slice());
    giveOutput(part);
  }
  return joined(parts);
}
