import { HeaderDecoder } from "../../lib/http2/hpack/decoder.ts";
import { FLAG, FRAME, readUint31 } from "../../lib/http2/wire.ts";
import type { TestConnection } from "./connection.ts";
import { latin1 } from "./connection.ts";
import { eventually } from "./deadline.ts";
import {
  data,
  frame,
  headers,
  opening,
  type RawField,
  type RawFrame,
  requestFields,
  splitFrames,
  windowUpdate,
} from "./http2_frames.ts";
import { connectTls } from "./tls_client.ts";

/** An answer, as far as it has come. */
export interface Http2Answer {
  /** 0 until its head has come. */
  status: number;
  fields: RawField[];
  /** The interim answers that came before. */
  interim: { status: number; fields: RawField[] }[];
  body: string;
  trailers: RawField[];
  ended: boolean;
  /** The code that its stream was reset with. */
  reset: number | undefined;
}

export interface Http2ClientOptions {
  readonly settings?: readonly (readonly [number, number])[];
  /** Whether it lets the server send on as it gets its data; by default it does. */
  readonly grants?: boolean;
}

/**
 * A client of HTTP/2 that sends whatever frames it is told to, and remembers what it is answered.
 * Of the proxy's own code it uses the reader of header blocks alone.
 */
export class Http2Client implements Disposable {
  readonly connection: TestConnection;
  readonly frames: RawFrame[] = [];
  /** The last of each GOAWAY: the last stream, and the code. */
  readonly goaways: { lastId: number; code: number }[] = [];
  /** Whether the proxy has ended the connection. */
  closed = false;
  readonly #grants: boolean;
  /** Frames of answers that have come. */
  #answered = 0;
  readonly #answers = new Map<number, Http2Answer>();
  readonly #decoder = new HeaderDecoder();
  #rest = new Uint8Array(0);

  /** Connects with TLS, and says that it speaks HTTP/2 alone. */
  static async connect(port: number, options: Http2ClientOptions = {}): Promise<Http2Client> {
    const connection = await connectTls(port, ["h2"]);
    const client = new Http2Client(connection, options);
    await connection.write(opening(options.settings));
    return client;
  }

  constructor(connection: TestConnection, { grants = true }: Http2ClientOptions = {}) {
    this.connection = connection;
    this.#grants = grants;
    this.#read();
  }

  /** Sends frames. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    for (const bytes of frames) await this.connection.write(bytes);
  }

  /** Sends a request; a body ends it. */
  async ask(
    id: number,
    path: string,
    { method = "GET", fields = [], body, ended = body === undefined }: {
      method?: string;
      fields?: readonly RawField[];
      body?: string;
      ended?: boolean;
    } = {},
  ): Promise<void> {
    const list = requestFields(
      { ":method": method, ":path": path, ":authority": "localhost" },
      fields,
    );
    await this.send(headers(id, list, { ended }));
    if (body !== undefined) await this.send(data(id, body, true));
  }

  /** What has come on a stream so far. */
  seen(id: number): Http2Answer {
    let answer = this.#answers.get(id);
    if (answer === undefined) {
      answer = {
        status: 0,
        fields: [],
        interim: [],
        body: "",
        trailers: [],
        ended: false,
        reset: undefined,
      };
      this.#answers.set(id, answer);
    }
    return answer;
  }

  /** Waits until a stream's answer has ended, or its stream was reset. */
  answer(id: number): Promise<Http2Answer> {
    return this.until(
      () => {
        const answer = this.seen(id);
        return answer.ended || answer.reset !== undefined ? answer : undefined;
      },
      `the end of stream ${id}`,
    );
  }

  /** Asks, and waits for the answer. */
  async get(id: number, path: string): Promise<Http2Answer> {
    await this.ask(id, path);
    return await this.answer(id);
  }

  /** Waits until `look` gives something, for as long as answers go on coming. */
  async until<T>(look: () => T | undefined, what: string): Promise<T> {
    for (;;) {
      const before = this.#answered;
      try {
        return await eventually(() => {
          const found = look();
          if (found === undefined && this.closed) {
            throw new Error(`The connection ended before ${what}: ${JSON.stringify(this.goaways)}`);
          }
          return Promise.resolve(found);
        }, what);
      } catch (error) {
        if (this.closed || this.#answered === before) throw error;
      }
    }
  }

  /** Waits until the proxy has closed the connection. */
  async untilClosed(): Promise<void> {
    await eventually(() => this.closed || undefined, "the end of the connection");
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const some = await this.connection.transport.read();
        if (some === undefined) break;
        const bytes = new Uint8Array(this.#rest.length + some.length);
        bytes.set(this.#rest);
        bytes.set(some, this.#rest.length);
        const { frames, rest } = splitFrames(bytes);
        this.#rest = rest.slice();
        for (const one of frames) this.#take(one);
      }
    } catch {
      // broken off
    }
    this.closed = true;
  }

  /** What is answered to a proxy that has gone meanwhile is lost. */
  #reply(...frames: readonly Uint8Array[]): void {
    this.send(...frames).catch(() => {});
  }

  #take(one: RawFrame): void {
    this.frames.push(one);
    const { type, flags, id, payload } = one;
    const answer = this.seen(id);
    switch (type) {
      case FRAME.settings:
        if ((flags & FLAG.ack) === 0) this.#reply(frame(FRAME.settings, { flags: FLAG.ack }));
        return;
      case FRAME.ping:
        if ((flags & FLAG.ack) === 0) {
          this.#reply(frame(FRAME.ping, { flags: FLAG.ack, payload }));
        }
        return;
      case FRAME.headers:
        this.#head(answer, payload);
        break;
      case FRAME.data:
        answer.body += latin1(payload);
        if (this.#grants && payload.length > 0) {
          this.#reply(windowUpdate(0, payload.length), windowUpdate(id, payload.length));
        }
        break;
      case FRAME.rstStream:
        answer.reset = readUint31(payload, 0);
        return;
      case FRAME.goaway:
        this.goaways.push({ lastId: readUint31(payload, 0), code: readUint31(payload, 4) });
        return;
    }
    if (type !== FRAME.headers && type !== FRAME.data) return;
    this.#answered++;
    if ((flags & FLAG.endStream) !== 0) answer.ended = true;
  }

  #head(answer: Http2Answer, block: Uint8Array): void {
    const limits = { bytes: 1_000_000, fields: 1000 };
    const list = this.#decoder.decode(block, 0, block.length, limits)
      .map(({ name, value }): RawField => [name, value]);
    const [first, ...fields] = list;
    if (first?.[0] !== ":status") answer.trailers = list;
    else if (Number(first[1]) < 200) answer.interim.push({ status: Number(first[1]), fields });
    else {
      answer.status = Number(first[1]);
      answer.fields = fields;
    }
  }
}

/** The value of a field of an answer. */
export function fieldOf(fields: readonly RawField[], name: string): string | undefined {
  return fields.find(([key]) => key === name)?.[1];
}
