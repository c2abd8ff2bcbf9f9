import { joinBytes } from "../core/bytes.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { encodeResponseHead } from "../http1/head.ts";
import { encodeOwnAnswer } from "../http1/own_answer.ts";
import { keepsAlive } from "../http1/persistence.ts";
import {
  RequestDecoder,
  type RequestHeadPart,
  type RequestPart,
} from "../http1/request_decoder.ts";
import { RequestStream } from "../http1/request_stream.ts";
import { errorAnswer, statusOf } from "../http/error_answer.ts";
import { field } from "../http/field.ts";
import { reasonOf } from "../http/status.ts";
import type { Connection } from "../io/connection.ts";
import { afterRequest } from "../io/turns.ts";
import type { AdminRequest } from "./admin_access.ts";

/** Answers a request whose body, if it had one, is over. */
export type AdminHandler = (request: AdminRequest) => Promise<Response>;

export interface AdminConnectionOptions {
  readonly handle: AdminHandler;
  /** Takes a place for an answer that goes on; undefined where there is none. */
  readonly stream: () => Disposable | undefined;
}

/** Milliseconds until a request has come to its end, from when the last answer did. */
const REQUEST_MS = 10_000;
/** Milliseconds that a client has to take what is written at once. */
const WRITE_MS = 10_000;
/** Milliseconds for which a client that was refused may go on sending. */
const LINGER_MS = 1_000;
/** No request needs more. */
const LIMITS = { headerBytes: 16 * 1024, headers: 100, body: 64 * 1024 };

/** One client of the admin listener, whose requests are answered one after the other. */
export class AdminConnection {
  /** Settles when it is over; never rejects. */
  readonly done: Promise<void>;
  /** Since when it has been waiting for a request to come to its end; Infinity where it is not. */
  waitingSince = Infinity;
  readonly #connection: Connection;
  readonly #options: AdminConnectionOptions;
  readonly #decoder = new RequestDecoder(LIMITS);
  readonly #parts: ReadableStreamDefaultReader<RequestPart>;
  /** A part that was asked for before anybody needs it. */
  #ahead: Promise<ReadableStreamReadResult<RequestPart>> | undefined;
  #draining = false;
  #endStream: (() => void) | undefined;

  constructor(connection: Connection, options: AdminConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
    const requests = new RequestStream(this.#decoder, { bodies: false });
    this.#parts = connection.readable.pipeThrough(requests).getReader();
    this.done = this.#serve();
  }

  /** Lets what is being answered be the last. */
  drain(): void {
    this.#draining = true;
    this.#endStream?.();
    if (this.waitingSince !== Infinity) this.close();
  }

  close(): void {
    this.#connection.close();
  }

  async #serve(): Promise<void> {
    try {
      while (await this.#serveNext()) {
        // many that come at once are work for nobody but this one
        await new Promise<void>(afterRequest);
      }
      await this.#connection.endWrites();
    } catch (error) {
      await this.#refuse(asProxyError(error, "internal"));
    } finally {
      this.close();
    }
  }

  /** @returns whether another request may follow */
  async #serveNext(): Promise<boolean> {
    const part = await this.#request();
    if (part === undefined) return false;
    const { head, target } = part;
    const headers = new Headers();
    for (const { name, value } of head.fields) headers.append(name, value);
    const response = await this.#options.handle({
      method: head.method,
      path: pathOf(target.path),
      headers,
    });
    const goesOn = keepsAlive(head) && part.upgrade === undefined && !this.#draining;
    await this.#answer(response, { part, goesOn });
    return goesOn;
  }

  /** The next request, once all of it has come. */
  async #request(): Promise<RequestHeadPart | undefined> {
    this.waitingSince = performance.now();
    let head: RequestHeadPart | undefined;
    const timer = setTimeout(() => {
      const code = head === undefined ? "header_timeout" : "body_timeout";
      const why = `The request was not there within ${REQUEST_MS / 1000} s`;
      this.#connection.failReads(new ProxyError(code, why));
    }, REQUEST_MS);
    try {
      for (;;) {
        const part = await this.#next();
        if (part === undefined) return undefined;
        if (part.kind === "head") head = part;
        const over = part.kind === "end" || part.kind === "head" &&
            (part.framing.kind === "none" || part.upgrade !== undefined);
        if (over) return head;
      }
    } finally {
      clearTimeout(timer);
      this.waitingSince = Infinity;
    }
  }

  /** @throws {ProxyError} where it is no HTTP, or the connection broke */
  async #next(): Promise<RequestPart | undefined> {
    const next = this.#ahead ?? this.#parts.read();
    this.#ahead = undefined;
    const { value } = await next;
    if (value?.kind === "failure") throw value.error;
    return value;
  }

  async #answer(
    response: Response,
    { part, goesOn }: { part: RequestHeadPart; goesOn: boolean },
  ): Promise<void> {
    const { body, headers } = response;
    const isStream = headers.get("content-type") === "text/event-stream";
    if (body !== null && isStream && part.head.method === "GET") {
      return await this.#stream({ response, body, part, goesOn });
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    const head = headOf(response, { "content-length": `${bytes.length}`, ...connection(goesOn) });
    await this.#write(part.head.method === "HEAD" ? head : joinBytes([head, bytes]));
  }

  /** Goes on until the client leaves, or stops reading. */
  async #stream(
    { response, body, part, goesOn }: {
      response: Response;
      body: ReadableStream<Uint8Array>;
      part: RequestHeadPart;
      goesOn: boolean;
    },
  ): Promise<void> {
    using place = this.#options.stream();
    const events = body.getReader();
    if (place === undefined) {
      await events.cancel();
      throw new ProxyError("overloaded", "There are too many event streams");
    }
    const leave = () => void events.cancel().catch(() => {});
    this.#endStream = leave;
    try {
      const chunked = part.head.minor === 1;
      const coding = chunked ? { "transfer-encoding": "chunked" } : {};
      await this.#write(headOf(response, { ...coding, ...connection(goesOn && chunked) }));
      // another request comes only once this one has been answered: whatever comes is the end
      this.#ahead = this.#parts.read();
      this.#ahead.then(leave, leave);
      for (let next = await events.read(); !next.done; next = await events.read()) {
        await this.#write(chunked ? chunk(next.value) : next.value);
      }
      if (chunked) await this.#write(LAST_CHUNK);
      // what came meanwhile may be another request
      if (!chunked) this.#draining = true;
    } finally {
      this.#endStream = undefined;
      leave();
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const timer = setTimeout(() => this.close(), WRITE_MS);
    try {
      await this.#connection.write(bytes);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells a client that is still there what was wrong with its request. */
  async #refuse(error: ProxyError): Promise<void> {
    const isIdle = error.code === "header_timeout" && !this.#decoder.insideHead;
    if (isIdle || statusOf(error) === undefined) return;
    try {
      await this.#write(
        encodeOwnAnswer(errorAnswer(error, {}), { method: undefined, keepAlive: false }),
      );
      await this.#connection.endWrites();
      await this.#linger();
    } catch {
      // it has gone
    }
  }

  /** To close at once would send a reset, which can destroy the answer on its way. */
  async #linger(): Promise<void> {
    const timer = setTimeout(() => this.close(), LINGER_MS);
    try {
      while (!(await this.#parts.read()).done) { /* dropped */ }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Without its query, and with dots resolved as a URL has them. */
function pathOf(target: string): string {
  return target === "*" ? target : new URL(`http://admin${target}`).pathname;
}

function connection(goesOn: boolean): Record<string, string> {
  return goesOn ? {} : { connection: "close" };
}

function headOf({ status, headers }: Response, more: Readonly<Record<string, string>>): Uint8Array {
  const fields = [...headers, ...Object.entries(more)].map(([name, value]) => field(name, value));
  return encodeResponseHead({ status, reason: reasonOf(status), fields });
}

function chunk(bytes: Uint8Array): Uint8Array {
  return joinBytes([encodeLatin1(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]);
}

const CRLF = encodeLatin1("\r\n");
const LAST_CHUNK = encodeLatin1("0\r\n\r\n");
