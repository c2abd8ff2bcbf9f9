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

/** What both ends have in common: they take all, and say nothing by themselves. */
abstract class End {
  abstract readonly connection: AcceptedConnection<Seen> | DialedConnection<Seen>;
  protected readonly told = new Facts();
  readonly #taken = new Map<Stream<Seen>, () => void>();
  /** What is to be done with what comes besides. */
  onData: (stream: Stream<Seen>, bytes: number) => void = (stream, bytes) =>
    this.connection.consumed(stream, bytes);
  onEnd: (stream: Stream<Seen>) => void = () => {};

  get facts(): readonly string[] {
    return this.told.lines;
  }

  /** What is to be done once a stream may send more; undefined for nothing. */
  whenTaken(stream: Stream<Seen>, then: (() => void) | undefined): void {
    if (then === undefined) this.#taken.delete(stream);
    else this.#taken.set(stream, then);
  }

  /** Streams that wait to send more. */
  get pending(): number {
    return this.#taken.size;
  }

  /** Takes all output there is. */
  output(): Uint8Array {
    const parts: Uint8Array[] = [];
    const { connection } = this;
    for (let part = connection.takeOutput(); part !== undefined; part = connection.takeOutput()) {
      parts.push(part.slice());
      giveOutput(part);
    }
    return joined(parts);
  }

  /** The frames of the output there is, a line each. */
  frames(): string[] {
    return briefFrames(splitFrames(this.output()).frames);
  }

  protected events(): ConnectionEvents<Seen> {
    return {
      data: (stream, bytes, from, to, ended) => {
        const text = latin1(bytes.subarray(from, to));
        this.told.data(stream.id, text, ended);
        stream.owner ??= { body: "" };
        stream.owner.body += text;
        this.onData(stream, to - from);
        if (ended) this.onEnd(stream);
      },
      trailers: (stream, fields) => {
        const line = fields.map(({ key, value }) => `${key}=${value}`);
        this.told.lines.push([`trailers ${stream.id}`, ...line].join(" "));
        this.onEnd(stream);
      },
      reset: (stream, reset) => this.tellReset(stream, reset),
      taken: (stream) => {
        this.told.lines.push(`taken ${stream.id}`);
        this.#taken.get(stream)?.();
      },
      idle: () => {},
      output: () => {},
      failed: ({ code }) => this.told.lines.push(`failed ${errorName(code)}`),
    };
  }

  protected tellReset({ id }: Stream<Seen>, { code, by, untouched }: StreamReset): void {
    const how = `by ${by}${untouched ? ", untouched" : ""}`;
    this.told.lines.push(`reset ${id} ${errorName(code)} ${how}`);
  }
}

/** The server's end. */
export class ServerEnd extends End {
  readonly connection: AcceptedConnection<Seen>;
  readonly streams = new Map<number, Stream<Seen>>();
  /** What is to be done with a request besides. */
  onRequest: (stream: Stream<Seen>) => void = () => {};

  constructor(options: Options = {}) {
    super();
    const events: AcceptedEvents<Seen> = {
      ...this.events(),
      request: (stream, head, ended) => {
        this.streams.set(stream.id, stream);
        const { method, scheme, authority, path, protocol, length, cutBy } = head;
        const fields = head.fields.map(({ key, value }) => `${key}=${value}`);
        this.told.lines.push([
          `${cutBy === undefined ? "" : "cut "}request ${stream.id}${ended ? " end" : ""}`,
          method,
          `${scheme}://${authority}${path}`,
          ...(protocol === undefined ? [] : [`protocol=${protocol}`]),
          ...(length === undefined ? [] : [`length=${length}`]),
          ...fields,
        ].join(" "));
        this.onRequest(stream);
        if (ended) this.onEnd(stream);
      },
      malformed: (id, error) => this.told.lines.push(`malformed ${id} ${error.code}`),
    };
    this.connection = new AcceptedConnection(events, { ...OPTIONS, ...options });
  }
}

/** The client's end. */
export class ClientEnd extends End {
  /** What each reset was told to be, where it was found here. */
  readonly errors: (string | undefined)[] = [];
  /** What each reset was told to be for. */
  readonly reasons: string[] = [];
  readonly connection: DialedConnection<Seen>;

  constructor(options: Options & Partial<Pick<DialedOptions, "limits">> = {}) {
    super();
    const events: DialedEvents<Seen> = {
      ...this.events(),
      reset: (stream, reset) => {
        this.tellReset(stream, reset);
        this.errors.push(reset.error?.code);
        this.reasons.push(reset.reason);
      },
      response: (stream, { status, length, fields }, ended) => {
        const line = [
          `response ${stream.id}${ended ? " end" : ""}`,
          status,
          ...(length === undefined ? [] : [`length=${length}`]),
          ...fields.map(({ key, value }) => `${key}=${value}`),
        ];
        this.told.lines.push(line.join(" "));
      },
      settled: () => this.told.lines.push("settled"),
      goingAway: (code) => this.told.lines.push(`going away ${errorName(code)}`),
      pong: () => this.told.lines.push("pong"),
    };
    this.connection = new DialedConnection(events, {
      ...OPTIONS,
      limits: LIMITS,
      ...options,
    });
  }
}

/** Carries bytes between the ends until neither has any. */
export function settle(a: End, b: End): void {
  for (;;) {
    const [from, to] = [a.output(), b.output()];
    if (from.length === 0 && to.length === 0) return;
    b.connection.feed(from);
    a.connection.feed(to);
  }
}
