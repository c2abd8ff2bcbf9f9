import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Receiver } from "../io/connection.ts";
import type { Deadline } from "../io/deadlines.ts";
import { asProxyError } from "../core/errors.ts";
import { PREFACE } from "../http2/wire.ts";
import { httpConnectionEnded, proxyStops } from "./connection_end.ts";
import { serveHttp2 } from "./http2_session.ts";
import type { HttpConnection } from "./http_connection.ts";
import { refuseLate, serveHttp1 } from "./http1_session.ts";
import { RewoundConnection } from "./rewound_connection.ts";
import type { HttpSessionOptions } from "./serve_request.ts";
import type { Session } from "./session.ts";
import { FIRST_REQUEST_MS } from "./session_times.ts";

/**
 * Serves a connection without TLS by the version of HTTP that it begins with: a client that knows
 * that HTTP/2 is spoken begins with its preface (RFC 9113, section 3.3), which is no request of
 * HTTP/1.
 */
export function servePlain(client: HttpConnection, options: HttpSessionOptions): Session {
  return new PlainSession(client, options);
}

class PlainSession implements Session, Receiver {
  readonly done: Promise<void>;
  readonly #client: HttpConnection;
  readonly #options: HttpSessionOptions;
  readonly #deadline: Deadline;
  readonly #began = performance.now();
  readonly #begun = new Uint8Array(PREFACE.length);
  #filled = 0;
  #finish: () => void = () => {};
  /** What serves it, once its first bytes have told. */
  #served: Session | undefined;
  #retired = false;
  /** What it is refused by, as it has not told in time. */
  #refused: RewoundConnection | undefined;
  #closed = false;
  #draining = false;

  constructor(client: HttpConnection, options: HttpSessionOptions) {
    this.done = new Promise((resolve) => this.#finish = resolve);
    this.#client = client;
    this.#options = options;
    this.#deadline = options.deadlines.watch();
    this.#deadline.arm(this.#headerTime, () => this.#refuse());
    client.receive(this.#begun, this);
  }

  drain(): void {
    if (this.#served !== undefined) return this.#served.drain();
    this.#draining = true;
    if (this.#filled > 0) return;
    this.#deadline.arm(Math.min(this.#headerTime, FIRST_REQUEST_MS), () => this.#close());
  }

  retire(): void {
    this.#retired = true;
    this.#served?.retire?.();
  }

  abort(): void {
    if (this.#served !== undefined) this.#served.abort();
    else this.#close(proxyStops());
  }

  received(count: number): void {
    if (this.#refused !== undefined) {
      return this.#refused.came(this.#begun.subarray(this.#filled, this.#filled + count));
    }
    if (this.#closed) return;
    // it has come for something: from here on it has the time that it has otherwise
    if (this.#draining && this.#filled === 0) {
      this.#deadline.arm(this.#headerTime, () => this.#refuse());
    }
    this.#filled += count;
    const isPreface = this.#begun.subarray(0, this.#filled).every((byte, i) => byte === PREFACE[i]);
    const isOver = count === 0 || !isPreface || this.#filled === PREFACE.length;
    if (!isOver) return this.#client.receive(this.#begun.subarray(this.#filled), this);
    this.#deadline[Symbol.dispose]();
    const client = new RewoundConnection(
      this.#client,
      this.#begun.subarray(0, this.#filled),
      false,
    );
    const serve = isPreface && this.#filled === PREFACE.length ? serveHttp2 : serveHttp1;
    this.#serve(serve(client, this.#options, this.#began));
  }

  receiveFailed(error: Error): void {
    if (this.#refused !== undefined) this.#refused.came(NO_BYTES);
    else this.#close(error);
  }

  get #headerTime(): number {
    return this.#options.policy.current.timeouts.header;
  }

  #serve(session: Session): void {
    this.#served = session;
    if (this.#retired) session.retire?.();
    // behind what has come, which is served yet
    if (this.#draining) queueMicrotask(() => session.drain());
    session.done.then(this.#finish);
  }

  /** Nothing came that tells the version: it is told so by the one that everybody reads. */
  #refuse(): void {
    this.#deadline[Symbol.dispose]();
    this.#refused = new RewoundConnection(this.#client, NO_BYTES, true);
    this.#serve(refuseLate(this.#refused, this.#options, this.#began));
  }

  #close(reason?: Error): void {
    if (this.#closed || this.#served !== undefined) return;
    this.#closed = true;
    this.#deadline[Symbol.dispose]();
    this.#client.close(reason);
    const error = reason === undefined ? undefined : asProxyError(reason, "client_gone");
    this.#options.observe(httpConnectionEnded(this.#client, {
      ...{ began: this.#began, requests: 0 },
      error,
    }));
    this.#finish();
  }
}
