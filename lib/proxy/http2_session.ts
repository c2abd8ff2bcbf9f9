import {
  faultOfFrames,
  httpConnectionEnded,
  isDamaged,
  nothingCame,
  nothingTaken,
  proxyStops,
} from "./connection_end.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import { idOf, nextIdNumber } from "../http/request_id.ts";
import { AcceptedConnection, type AcceptedEvents } from "../http2/accepted_connection.ts";
import { type StreamReset, WINDOWS } from "../http2/connection.ts";
import type { ListLimits } from "../http2/hpack/decoder.ts";
import { ENTRY_OVERHEAD } from "../http2/hpack/header_field.ts";
import { Http2Error } from "../http2/http2_error.ts";
import { judgeRequest } from "../http2/judge_request.ts";
import { Pump, type PumpUser } from "../http2/pump.ts";
import type { Http2RequestHead } from "../http2/request_head.ts";
import type { Stream } from "../http2/stream.ts";
import { ERROR } from "../http2/wire.ts";
import type { Deadline } from "../io/deadlines.ts";
import { Pins } from "../upstream/pins.ts";
import { ClientIdentity } from "./client_identity.ts";
import type { HttpConnection } from "./http_connection.ts";
import { Http2Stream, type StreamHome } from "./http2_stream.ts";
import { LateResets } from "./late_resets.ts";
import { PartingGrace } from "./parting_grace.ts";
import type { Policy } from "./policy.ts";
import { requestRefused } from "./request_served.ts";
import type { HttpSessionOptions } from "./serve_request.ts";
import type { Session } from "./session.ts";
import { LINGER_MS, LOOK_MS, MAX_LINGER_MS, QUIET_MS } from "./session_times.ts";
import { StallClock } from "./stall_clock.ts";

/**
 * Serves the requests of one connection by HTTP/2, as many at a time as the limits allow.
 *
 * @param began when the connection did, as `performance.now()` has it
 */
export function serveHttp2(
  client: HttpConnection,
  options: HttpSessionOptions,
  began = performance.now(),
): Session {
  return new Http2Session(client, options, began);
}

/** Stream objects that are kept for the next requests of a connection, while these come. */
const MAX_FREE = 128;
/** The same once none has come for a while. */
const QUIET_FREE = 4;
/** Output beyond which interim answers wait: no window bounds them. */
const MAX_INFORMED_BYTES = 64 * 1024;
/** How long a client has for the acknowledgement of a GOAWAY. */
const ANNOUNCE_MS = 1_000;

/** What the client is waited for: nothing, the first head, the next one, or the end of one. */
type Waiting = "nothing" | "first" | "next" | "head";

class Http2Session implements AcceptedEvents<Http2Stream>, StreamHome, PumpUser, Session {
  readonly done: Promise<void>;
  readonly connection: AcceptedConnection<Http2Stream>;
  readonly identity: ClientIdentity;
  readonly options: HttpSessionOptions;
  readonly pins = new Pins();
  readonly #client: HttpConnection;
  readonly #pump: Pump;
  #finish: () => void = () => {};
  readonly #began: number;
  readonly #waitDeadline: Deadline;
  readonly #writing: StallClock;
  readonly #resets: LateResets<Http2Stream>;
  /** What the client knows of the limits. */
  #told: Policy["limits"];
  #waiting: Waiting = "nothing";
  readonly #free: Http2Stream[] = [];
  /** Those whose interim answers are yet to be taken, in order. */
  readonly #informing: Http2Stream[] = [];
  /** Requests answered. */
  #served = 0;
  /** Requests that have come, and how many had when the client was waited for last. */
  #asked = 0;
  #askedBefore = 0;
  /** When it began to be waited for a request, by the clock of the deadlines. */
  #restsSince = 0;
  /** What the connection is about to be ended for; undefined for nothing. */
  #fault: ProxyError | undefined;
  /** How far the connection has come in being left: our side is ended first, then theirs is awaited. */
  #parting: "none" | "ending" | "lingering" = "none";
  /** Whether the client has a while to answer that it is asked to leave. */
  #isAnnouncing = false;
  #leftAt = 0;
  #over = false;

  constructor(client: HttpConnection, options: HttpSessionOptions, began: number) {
    this.done = new Promise((resolve) => this.#finish = resolve);
    this.#client = client;
    this.#began = began;
    this.#pump = new Pump(client, this);
    this.options = options;
    this.identity = new ClientIdentity(client);
    this.#waitDeadline = options.deadlines.watch();
    this.#writing = new StallClock({
      deadline: options.deadlines.watch(),
      moved: () => client.taken,
      onLate: (ms) => this.#close(nothingTaken(ms)),
    });
    this.#resets = new LateResets(
      options.deadlines,
      (stream) => this.connection.reset(stream, ERROR.noError),
    );
    const limits = () => this.policy.limits;
    this.#told = limits();
    this.connection = new AcceptedConnection<Http2Stream>(this, {
      ...WINDOWS,
      get headers() {
        return listLimits(limits());
      },
      maxStreams: this.#told.streams,
      extendedConnect: true,
      now: () => performance.now(),
    });
    this.#wait();
    this.#pump.start(this.connection);
  }

  get policy(): Policy {
    return this.options.policy.current;
  }

  get progress(): number {
    const { framedBytes, isHeld } = this.connection;
    // what a client takes that lets no body be sent is other frames, such as answers to its PINGs
    return isHeld && !this.#pump.isWriting ? framedBytes : framedBytes + this.#client.taken;
  }

  // What the proxy does with it.

  drain(): void {
    if (this.#over || this.#pump.hasEnded || this.#fault !== undefined) return;
    if (this.#parting !== "none") return;
    this.connection.shutDown();
    this.#isAnnouncing = true;
    this.#waitDeadline.arm(ANNOUNCE_MS, this.#onAnnounced);
    this.#waiting = "nothing";
  }

  retire(): void {
    this.drain();
  }

  abort(): void {
    this.#close(proxyStops());
  }

  ready(stream: Http2Stream): void {
    this.#pump.ready(stream);
  }

  over(stream: Http2Stream, answered: boolean): void {
    if (answered) this.#served++;
    if (this.#free.length < MAX_FREE && !this.#over) this.#free.push(stream);
    else stream[Symbol.dispose]();
  }

  inform(stream: Http2Stream): void {
    if (this.connection.outputBytes > MAX_INFORMED_BYTES) this.#informing.push(stream);
    else stream.informed();
  }

  resetSoon(stream: Stream<Http2Stream>): void {
    this.#resets.add(stream);
  }

  // What the connection tells.

  request(stream: Stream<Http2Stream>, head: Http2RequestHead, ended: boolean): void {
    this.#asked++;
    if (this.policy.limits !== this.#told) this.#tellLimits();
    let refusal: ProxyError | undefined;
    try {
      judgeRequest(head, this.policy.limits);
    } catch (error) {
      refusal = asProxyError(error, "internal");
    }
    const own = this.#free.pop() ?? new Http2Stream(this);
    own.open(stream, head, { ended, refusal });
  }

  malformed(_id: number, error: ProxyError): void {
    this.#observeRefusal(error, { status: 400, bytesOut: 0 });
  }

  data(
    stream: Stream<Http2Stream>,
    bytes: Uint8Array,
    from: number,
    to: number,
    ended: boolean,
  ): void {
    // what nobody reads any more makes room for others
    if (stream.owner === undefined) this.connection.consumed(stream, to - from);
    else stream.owner.received(bytes, from, to, ended);
  }

  trailers(stream: Stream<Http2Stream>, fields: readonly Field[]): void {
    stream.owner?.receivedTrailers(fields);
  }

  reset(stream: Stream<Http2Stream>, reset: StreamReset): void {
    stream.owner?.failed(reset);
  }

  taken(stream: Stream<Http2Stream>): void {
    stream.owner?.taken();
  }

  idle(): void {
    if (!this.#pump.isFeeding) this.#wait();
    this.output();
  }

  output(): void {
    this.#pump.flushSoon();
  }

  failed({ code, message }: Http2Error): void {
    // one that is left for being late has done nothing wrong, and was told of
    if (code === ERROR.noError) return;
    const error = faultOfFrames(code, message);
    this.#fault ??= error;
    this.#observeRefusal(error, { status: 0, bytesOut: 0 });
  }

  // What the pump tells.

  fed(): void {
    if (this.#parting === "none") this.#wait();
    else if (this.#fault === undefined) this.#linger();
  }

  flushed(sending: boolean): void {
    if (!sending) {
      this.#writing.stop();
      return this.#endIfDone();
    }
    this.#writing.start(this.policy.timeouts.bodyIdle);
    while (this.#informing.length > 0 && this.connection.outputBytes <= MAX_INFORMED_BYTES) {
      this.#informing.shift()?.informed();
    }
  }

  /** A client that sends no more may still be answered, while something comes for it. */
  peerEnded(): void {
    if (this.#parting === "lingering") return this.#close();
    if (this.#parting === "ending") return;
    this.connection.finishShutdown();
    this.#pump.flush();
    const { now } = this.options.deadlines;
    if (!this.#over) this.#look(new PartingGrace(now, this.#client.bytes.written));
  }

  receiveFailed(reason: Error): void {
    const error = asProxyError(reason, "client_gone");
    // one that is asked for nothing, or has been told all, may leave as it likes
    const isIdle = this.connection.streams.size === 0 && !this.connection.isInside;
    const isClean = this.#parting !== "none" || (isIdle && !isDamaged(error));
    this.#close(isClean ? undefined : error);
  }

  sendFailed(error: Error): void {
    this.#close(error);
  }

  onBug(reason: unknown): void {
    this.#close(asProxyError(reason, "internal"));
  }

  // How it goes on.

  /** A reload has set limits, maybe the same again. */
  #tellLimits(): void {
    const { headerBytes, headers, streams } = this.#told;
    const { limits } = this.policy;
    this.#told = limits;
    const isSame = limits.headerBytes === headerBytes && limits.headers === headers &&
      limits.streams === streams;
    if (!isSame) this.connection.tellLimits(limits.streams);
  }

  #look(grace: PartingGrace): void {
    this.#waitDeadline.arm(LOOK_MS, () => {
      const { written } = this.#client.bytes;
      const { isWriting } = this.#pump;
      const { now } = this.options.deadlines;
      if (!grace.look(now, { written, isWriting })) return this.#look(grace);
      for (const stream of this.connection.streams.values()) stream.owner?.abandon();
    });
  }

  /** Sets the clock on the client for what is to come from it. */
  #wait(): void {
    if (this.#fault !== undefined || this.connection.isOver || this.#isAnnouncing) return;
    // nothing is to come from it, and the clock is for the look at whether it is there
    if (this.#pump.hasEnded) return;
    const { header, keepAlive } = this.policy.timeouts;
    const waiting: Waiting = this.connection.isInside
      ? "head"
      : this.connection.streams.size > 0
      ? "nothing"
      : this.#asked > 0
      ? "next"
      : "first";
    const isNews = this.#asked !== this.#askedBefore;
    if (waiting === this.#waiting && !isNews) return;
    // frames that ask for nothing give no more time
    if (isNews || this.#waiting === "nothing") this.#restsSince = this.options.deadlines.now;
    this.#askedBefore = this.#asked;
    this.#waiting = waiting;
    if (waiting === "nothing") this.#waitDeadline.disarm();
    else if (waiting === "next") {
      this.#waitDeadline.arm(Math.min(QUIET_MS, this.#restOf(keepAlive)), this.#onQuiet);
    } else {
      const left = waiting === "head" ? header : this.#restOf(header);
      this.#waitDeadline.arm(left, this.#onHeaderLate);
    }
  }

  /** What is left of the time for a request. */
  #restOf(ms: number): number {
    return Math.max(0, this.#restsSince + ms - this.options.deadlines.now);
  }

  /** The next requests will pay for themselves: until then the connection is to be small. */
  readonly #onQuiet = (): void => {
    const left = this.#restOf(this.policy.timeouts.keepAlive);
    if (left === 0) return this.#onIdle();
    this.#forget(QUIET_FREE);
    this.#waitDeadline.arm(left, this.#onIdle);
  };

  readonly #onAnnounced = (): void => {
    this.#isAnnouncing = false;
    this.connection.finishShutdown();
    this.#wait();
  };

  /** Nobody asks for anything any more. */
  readonly #onIdle = (): void => this.connection.finishShutdown();

  readonly #onHeaderLate = (): void => {
    const error = this.#fault = nothingCame(this.policy.timeouts.header);
    if (this.connection.isInside) this.#observeRefusal(error, { status: 408, bytesOut: 0 });
    this.connection.fail(new Http2Error(ERROR.noError, "Nothing came in time"));
  };

  #endIfDone(): void {
    if (this.#fault !== undefined) return void this.#leave();
    if (this.connection.isOver) void this.#leave();
  }

  /** All has been said: what the client still sends is dropped, for a short while. */
  async #leave(): Promise<void> {
    if (this.#parting !== "none") return;
    this.#parting = "ending";
    this.#leftAt = performance.now();
    this.connection.lost("The connection is over");
    this.#linger();
    await this.#client.endWrites().catch(() => {});
    if (this.#pump.hasEnded) return this.#close();
    this.#parting = "lingering";
    this.#pump.receive();
  }

  /** Gives the client a while to take what it was sent, and to end its side. */
  #linger(): void {
    const left = MAX_LINGER_MS - (performance.now() - this.#leftAt);
    this.#waitDeadline.arm(Math.max(0, Math.min(LINGER_MS, left)), () => this.#close());
  }

  #close(reason?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#pump.stop();
    const broken = reason === undefined ? undefined : asProxyError(reason, "internal");
    const ours = broken?.code === "client_gone" ? undefined : broken;
    this.connection.lost(broken?.message ?? "The connection is over", ours);
    this.#client.close(reason);
    this.#waitDeadline[Symbol.dispose]();
    this.#writing[Symbol.dispose]();
    this.#resets[Symbol.dispose]();
    this.pins.close();
    this.#forget(0);
    this.options.observe(httpConnectionEnded(this.#client, {
      began: this.#began,
      requests: this.#served,
      error: this.#fault ?? broken,
    }));
    this.#finish();
  }

  /** Frees stream objects but for so many. */
  #forget(kept: number): void {
    for (const stream of this.#free.splice(kept)) stream[Symbol.dispose]();
  }

  /** Tells of what was no request, or of none that was read. */
  #observeRefusal(
    error: ProxyError,
    { status, bytesOut }: { status: number; bytesOut: number },
  ): void {
    this.options.observe(requestRefused({
      client: this.#client,
      head: undefined,
      id: idOf(nextIdNumber()),
      status,
      error,
      began: performance.now(),
      bytesIn: 0,
      bytesOut,
      trusted: this.policy.forwarded.trusted,
      // no head of it is known
      traced: false,
    }));
  }
}

/** What is read of a head that is to be within the limits. */
function listLimits({ headerBytes, headers }: Policy["limits"]): ListLimits {
  return {
    // what is a little over them is to be told by how much
    bytes: headerBytes * 2 + (headers + PSEUDO_FIELDS) * ENTRY_OVERHEAD,
    // a cookie may come in as many fields as it has parts
    fields: headers * 2 + PSEUDO_FIELDS,
  };
}

/** `:method`, `:scheme`, `:authority`, `:path` and `:protocol`. */
const PSEUDO_FIELDS = 5;
