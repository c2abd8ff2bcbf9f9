import {
  clientLeft,
  httpConnectionEnded,
  isDamaged,
  nothingCame,
  nothingTaken,
  proxyStops,
} from "./connection_end.ts";
import type { Deadline } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { OpaqueRest } from "../io/opaque_rest.ts";
import { afterRequest } from "../io/turns.ts";
import type { Field } from "../http/field.ts";
import { valuesOf } from "../http/field.ts";
import { errorAnswer, statusOf } from "../http/error_answer.ts";
import {
  type AnswerFacts,
  type FieldChanges,
  isEmptyBody,
  UNKNOWN_LENGTH,
} from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import { requestId } from "../http/request_id.ts";
import type { IncomingRequest } from "../http1/incoming_request.ts";
import { ownAnswerPieces } from "../http1/own_answer.ts";
import { Pins } from "../upstream/pins.ts";
import type { OpaqueEnd } from "../upstream/server_stream.ts";
import { AnswerWriter, type AnswerWriterUser } from "./answer_writer.ts";
import { ClientIdentity } from "./client_identity.ts";
import type { HttpConnection } from "./http_connection.ts";
import { SESSION_STATES, type SessionEvent, type SessionState } from "./http1_session_states.ts";
import { PartingGrace } from "./parting_grace.ts";
import type { Policy } from "./policy.ts";
import { ENDED_EARLY, RequestBody } from "./request_body.ts";
import { type InputUser, RequestInput } from "./request_input.ts";
import { requestRefused } from "./request_served.ts";
import { type HttpSessionOptions, RequestService } from "./serve_request.ts";
import type { Session } from "./session.ts";
import { FIRST_REQUEST_MS, LINGER_MS, LOOK_MS, MAX_LINGER_MS, QUIET_MS } from "./session_times.ts";
import { StallClock } from "./stall_clock.ts";
import type { ClientStream } from "./streams.ts";

/**
 * Serves the HTTP/1 requests of one connection, one after another.
 *
 * @param began when the connection did, as `performance.now()` has it
 */
export function serveHttp1(
  client: HttpConnection,
  options: HttpSessionOptions,
  began = performance.now(),
): Session {
  const session = new Http1Session(client, options, began);
  session.start();
  return sessionOf(session);
}

/** Tells a client that has not sent a request in time that it has not, as `serveHttp1` does. */
export function refuseLate(
  client: HttpConnection,
  options: HttpSessionOptions,
  began: number,
): Session {
  const session = new Http1Session(client, options, began);
  session.refuseLate();
  return sessionOf(session);
}

function sessionOf(session: Http1Session): Session {
  return {
    done: session.ended,
    drain: () => session.drain(),
    abort: () => session.abort(proxyStops()),
  };
}

/** No answer. */
const NOTHING: readonly Uint8Array[] = [NO_BYTES];
/** `LINGER_MS` for a client that has been too slow. */
const SLOW_LINGER_MS = 1_000;

/**
 * One HTTP/1 connection: it waits for a request, has it served, and goes on or ends. It is the client
 * stream of all its requests, as they come in turn.
 */
class Http1Session implements ClientStream, InputUser, AnswerWriterUser {
  readonly client: HttpConnection;
  readonly isForTunnel = false;
  readonly pins = new Pins();
  /** Settles when the connection is over. */
  readonly ended: Promise<void>;
  readonly #options: HttpSessionOptions;
  readonly #input: RequestInput;
  readonly #writer: AnswerWriter;
  readonly #service: RequestService;
  readonly #body: RequestBody;
  readonly #readDeadline: Deadline;
  readonly #writing: StallClock;
  /** For what happens now and then while a request is served, or waited for. */
  readonly #lookDeadline: Deadline;
  readonly #began: number;
  #onEnded: () => void = () => {};
  #state: SessionState = "waiting";
  /** What the request goes by, from its first byte on. */
  #policy: Policy;
  /** Requests answered. */
  #served = 0;
  #isDraining = false;
  /** Whether the connection goes on behind the answer that has begun. */
  #goesOn = false;
  /** Whether nothing but the connection's end tells the end of the answer, or tunnel, that has begun. */
  #endsAnswer = false;
  #writtenBefore = 0;
  /** Bytes that the client had sent where it switched protocols. */
  #readBefore: number | undefined;
  /** Whether the client may be sending what nobody will read. */
  #isUnread = false;
  /** Made where the client half-closes while it waits for its answer. */
  #grace: PartingGrace | undefined;
  /** For how long it may go on sending once it has been told the end, and since when it has been. */
  #lingerMs = LINGER_MS;
  #toldAt: number | undefined;
  /** Whether so little of a body came that it is not waited for any more. */
  #isLate = false;
  /** What was being read when the client switched protocols. */
  #pending: PromiseWithResolvers<Uint8Array | undefined> | undefined;

  constructor(client: HttpConnection, options: HttpSessionOptions, began: number) {
    this.client = client;
    this.#options = options;
    this.#began = began;
    this.#policy = options.policy.current;
    this.ended = new Promise((resolve) => this.#onEnded = resolve);
    this.#input = new RequestInput(client, this);
    this.#writer = new AnswerWriter(client, this);
    this.#service = new RequestService(this, new ClientIdentity(client), options);
    this.#readDeadline = options.deadlines.watch();
    this.#writing = new StallClock({
      deadline: options.deadlines.watch(),
      moved: () => client.taken,
      onLate: (ms) => this.abort(nothingTaken(ms)),
    });
    this.#lookDeadline = options.deadlines.watch();
    this.#body = new RequestBody(this.#input, {
      deadline: this.#readDeadline,
      reader: this.#service.exchange,
      onLate: (error) => {
        this.#isLate = true;
        this.#try(() => this.#body.fail(error));
      },
    });
  }

  start(): void {
    this.#readDeadline.arm(this.#policy.timeouts.header, this.#onHeaderLate);
    this.#wait();
  }

  /** The time for the first request is over, which somebody else has waited for. */
  refuseLate(): void {
    this.#onHeaderLate();
  }

  /** Ends it as soon as what it is doing is done. */
  drain(): void {
    this.#isDraining = true;
    // what has come already is served, and is the last
    if (this.#state !== "waiting" || this.#input.hasMore) return;
    if (this.#served > 0) return this.#leave();
    const { timeouts: { header } } = this.#policy;
    this.#readDeadline.arm(Math.min(header, FIRST_REQUEST_MS), this.#onKeepAliveLate);
  }

  /** Ends it now. */
  abort(error: ProxyError): void {
    if (this.#state === "closed") return;
    this.#close(error);
    this.#service.exchange.abort(error);
  }

  // Requests.

  get request(): IncomingRequest {
    return this.#input.request;
  }

  #wait(): void {
    if (this.#input.hasMore) return afterRequest(this.#readNext);
    if (this.#input.hasEnded || this.#isDraining) return this.#leave();
    this.#lookDeadline.arm(QUIET_MS, this.#onQuiet);
    this.#input.receive();
  }

  /** The next request will pay for itself: until then the connection is to be small. */
  readonly #onQuiet = (): void => this.#service.forget();

  /** Reads what has come together with the request before, and was not read with more meanwhile. */
  readonly #readNext = (): void => {
    if (this.#state === "waiting" && this.#input.hasMore) this.#try(() => this.#readHead());
  };

  #readHead(): void {
    if (this.#state === "waiting") this.#begin();
    let isWhole: boolean;
    try {
      isWhole = this.#input.readHead();
    } catch (error) {
      return this.#refuse(asProxyError(error, "internal"));
    }
    if (isWhole) return this.#serve();
    if (this.#input.hasEnded) return this.#endInHead();
    this.#input.receive();
  }

  /** A head begins: from here on a reload is for the next one. */
  #begin(): void {
    this.#move("begun");
    this.#policy = this.#options.policy.current;
    this.#lookDeadline.disarm();
    this.#readDeadline.arm(this.#policy.timeouts.header, this.#onHeaderLate);
    this.#input.begin(this.#policy.limits);
  }

  #serve(): void {
    this.#move("whole");
    this.#readDeadline.disarm();
    this.#writtenBefore = this.client.bytes.written;
    this.#body.begin(this.request, this.#policy);
    this.#grace = undefined;
    this.#input.isLent = true;
    this.#lookDeadline.arm(LOOK_MS, this.#onLook);
    this.#service.serve(this.#policy);
  }

  readonly #onHeaderLate = (): void =>
    this.#try(() => this.#refuse(nothingCame(this.#policy.timeouts.header)));

  readonly #onKeepAliveLate = (): void => this.#try(() => this.#leave());

  /** Answers bytes that are no request; where nobody waits for an answer, it just ends. */
  #refuse(error: ProxyError): void {
    const status = statusOf(error);
    if (status === undefined) return this.#close(error);
    const began = performance.now();
    const { refused: head, refusedBytes: bytesIn } = this.request;
    const fields = head?.fields ?? [];
    const id = requestId(fields);
    const accept = valuesOf(fields, "accept").join(",");
    const { errorPages, forwarded: { trusted } } = this.#policy;
    const plain = errorAnswer(error, { id, accept, page: errorPages.get(status) });
    const answer = ownAnswerPieces(plain, { method: head?.method, keepAlive: false });
    this.#isUnread = true;
    // who has not asked in time has not asked
    if (error.code !== "header_timeout") this.#served++;
    this.#leave(answer, lingerBehind(error));
    const { client } = this;
    const { observe, traced = false } = this.#options;
    const bytesOut = answer.reduce((sum, { length }) => sum + length, 0);
    const sizes = { bytesIn, bytesOut };
    observe(
      requestRefused({ client, head, id, status, error, began, ...sizes, trusted, traced }),
    );
  }

  // What the client does.

  inputCame(): void {
    switch (this.#state) {
      case "waiting":
      case "head":
        return this.#readHead();
      case "serving":
        if (this.#body.isWanted) this.#body.giveMore();
        return;
      case "tunnel":
        return this.#pending?.resolve(this.#input.takeRest());
      case "leaving":
        this.#input.drop();
        this.#linger();
        return this.#input.receive();
      default:
    }
  }

  inputEnded(): void {
    switch (this.#state) {
      case "waiting":
        return this.#input.hasMore ? undefined : this.#leave();
      case "head":
        return this.#endInHead();
      case "serving":
        if (this.#body.isWanted) this.#body.endEarly();
        return;
      case "tunnel":
        return this.#pending?.resolve(undefined);
      case "leaving":
        return this.#close();
      default:
    }
  }

  inputFailed(error: ProxyError): void {
    switch (this.#state) {
      case "waiting":
        return isDamaged(error) ? this.#close(error) : this.#leave();
      case "serving":
        return this.#service.exchange.clientFailed(error);
      case "tunnel":
        return this.#pending?.reject(error);
      case "leaving":
        return this.#close();
      default:
        this.#close(error);
    }
  }

  #endInHead(): void {
    if (this.request.isInside) this.#refuse(new ProxyError(...ENDED_EARLY));
    else this.#leave();
  }

  /**
   * A client that breaks off before it has all of its answer spares the server the work. It is looked
   * for only where the answer takes a while: to read ahead of every request would cost a system call
   * each. One that only ends may wait for its answer yet, as HTTP/1.0 has it; others are waited for
   * while something comes for them.
   */
  readonly #onLook = (): void => {
    if (this.#state !== "serving") return;
    this.#lookDeadline.arm(LOOK_MS, this.#onLook);
    if (!this.#input.hasEnded) return this.#input.receive();
    if (this.request.version === "HTTP/1.0") return;
    const { now } = this.#options.deadlines;
    const { written } = this.client.bytes;
    this.#grace ??= new PartingGrace(now, written);
    if (!this.#grace.look(now, { written, isWriting: this.#writer.isWriting })) return;
    this.#service.exchange.clientFailed(clientLeft());
  };

  // The request's body.

  get bodyBytes(): number {
    return this.#body.bytes;
  }

  get givesChunks(): boolean {
    return this.#body.givesChunks;
  }

  readBody(chunks: boolean): void {
    this.#body.read(chunks);
  }

  holdBody(): void {
    this.#body.hold();
  }

  resume(): void {
    this.#body.resume();
  }

  // Its answer.

  get bytesIn(): number {
    const { read } = this.client.bytes;
    return this.request.wireBytes + this.#input.walk.wireBytes + read - (this.#readBefore ?? read);
  }

  get bytesOut(): number {
    return this.client.bytes.written - this.#writtenBefore;
  }

  get takesChunks(): boolean {
    return this.request.version === "HTTP/1.1";
  }

  inform(answer: AnswerFacts): void {
    if (answer.status === 100) this.#body.continued();
    this.#setTerms(false, undefined);
    this.#write([this.#writer.headAlone(answer)]);
  }

  begin(answer: AnswerFacts, changes: FieldChanges | undefined, chunks: boolean): void {
    this.#body.answered();
    this.#endsAnswer = answer.body === UNKNOWN_LENGTH && !this.takesChunks;
    this.#goesOn = this.#mayGoOn && this.#isRead && !this.#endsAnswer;
    this.#setTerms(this.#goesOn, changes);
    this.#writer.begin(answer, chunks);
  }

  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#awaitTaking();
    this.#writer.body(bytes, from, to, ended);
  }

  trailers(fields: readonly Field[]): void {
    this.#awaitTaking();
    this.#writer.trailers(fields);
  }

  respond(answer: OwnAnswer, mayGoOn: boolean): void {
    this.#body.answered();
    this.#goesOn = mayGoOn && this.#mayGoOn &&
      (isEmptyBody(this.request.body) || this.#body.skip());
    const { method } = this.request;
    const minor = this.takesChunks ? 1 : 0;
    this.#write(ownAnswerPieces(answer, { method, minor, keepAlive: this.#goesOn }));
  }

  /** It is proved to the client, whose key it was. */
  isProven(): boolean {
    return true;
  }

  async tunnel(answer: AnswerFacts, changes: FieldChanges | undefined): Promise<OpaqueEnd> {
    this.#move("switched");
    this.#goesOn = false;
    this.#endsAnswer = true;
    this.#lookDeadline.disarm();
    if (this.#input.isReceiving) {
      this.#pending = Promise.withResolvers();
      this.#pending.promise.catch(() => {});
    }
    const rest = this.#input.takeRest();
    this.#readBefore = this.client.bytes.read - rest.length;
    this.#setTerms(false, changes);
    this.#awaitTaking();
    await this.client.write(this.#writer.headAlone(answer).slice());
    this.#writing.stop();
    return new OpaqueRest(this.client, rest, this.#pending?.promise);
  }

  written(): void {
    this.#writing.stop();
    if (this.#state === "leaving") return void this.#goodbye().catch(this.#onBug);
    if (this.#state === "serving") this.#service.exchange.taken();
  }

  writeFailed(error: Error): void {
    this.#writing.stop();
    const gone = asProxyError(error, "client_gone");
    if (this.#state === "serving") this.#service.exchange.clientFailed(gone);
    else this.#close(gone);
  }

  done(settled: boolean): void {
    this.#served++;
    if (this.#state === "closed") return;
    this.#lookDeadline.disarm();
    this.#input.isLent = !settled;
    if (!this.#goesOn) {
      this.#isUnread = this.#mayBeSending;
      return this.#leave(NOTHING, this.#isRead || this.#isLate ? LINGER_MS : MAX_LINGER_MS);
    }
    this.#move("next");
    this.#input.rest();
    this.#readDeadline.arm(this.#options.policy.current.timeouts.keepAlive, this.#onKeepAliveLate);
    this.#wait();
  }

  reset(error: ProxyError): void {
    this.#close(error);
  }

  /** Whether all of the request was read, and a server is done with it or was never asked. */
  get #isRead(): boolean {
    return isEmptyBody(this.request.body) || (this.#body.isOver && !this.#input.isLent);
  }

  get #mayGoOn(): boolean {
    return this.request.goesOn && !this.#isDraining && this.#policy.timeouts.keepAlive > 0;
  }

  /** Whether the client may have sent more by the time that it is told that nobody will read it. */
  get #mayBeSending(): boolean {
    const { goesOn, upgrade } = this.request;
    return goesOn || upgrade !== undefined || !this.#isRead || this.#input.hasMore;
  }

  #setTerms(keepAlive: boolean, changes: FieldChanges | undefined): void {
    const { method } = this.request;
    const minor = this.takesChunks ? 1 : 0;
    const { via } = this.#policy.forwarded;
    this.#writer.setTerms({ method, minor, keepAlive, via }, changes);
  }

  /** @param pieces to be written in turn */
  #write(pieces: readonly Uint8Array[]): void {
    this.#awaitTaking();
    for (const piece of pieces) this.#writer.write(piece);
  }

  /** The client is to take something of what is sent. */
  #awaitTaking(): void {
    this.#writing.start(this.#policy.timeouts.bodyIdle);
  }

  // Its end.

  /** Says goodbye, with a last answer where there is one. */
  #leave(answer: readonly Uint8Array[] = NOTHING, lingerMs = LINGER_MS): void {
    this.#move("leave");
    this.#lookDeadline.disarm();
    this.#readDeadline.disarm();
    this.#lingerMs = lingerMs;
    this.#write(answer);
  }

  /**
   * Half-closes, and drops what still comes, for a short while. To close at once with input unread
   * would send a reset, which can destroy the answer on its way (RFC 9112, section 9.6).
   */
  async #goodbye(): Promise<void> {
    this.#awaitTaking();
    await this.client.endWrites();
    if (this.#state !== "leaving") return;
    if (!this.#isUnread || this.#input.hasEnded) return this.#close();
    this.#writing.stop();
    this.#toldAt = this.#options.deadlines.now;
    this.#linger();
    this.#input.drop();
    this.#input.receive();
  }

  /** A client that reads no answer before all of its body is sent needs as long as that takes. */
  #linger(): void {
    if (this.#toldAt === undefined) return;
    const most = this.#isDraining ? LINGER_MS : this.#lingerMs;
    const left = this.#toldAt + most - this.#options.deadlines.now;
    this.#readDeadline.arm(Math.max(0, Math.min(LINGER_MS, left)), this.#onLingered);
  }

  readonly #onLingered = (): void => this.#close();

  /** @param error why it is broken off; undefined for a clean end */
  #close(error?: ProxyError): void {
    if (this.#state === "closed") return;
    this.#move("close");
    if (this.#endsAnswer && error !== undefined) this.client.reset(error);
    else this.client.close(error);
    this.#input.close();
    this.#readDeadline[Symbol.dispose]();
    this.#writing[Symbol.dispose]();
    this.#lookDeadline[Symbol.dispose]();
    this.#service[Symbol.dispose]();
    this.pins.close();
    this.#options.observe(httpConnectionEnded(this.client, {
      began: this.#began,
      requests: this.#served,
      error,
    }));
    this.#onEnded();
  }

  /** What happens because of the time: what goes wrong in it ends this connection, and nothing else. */
  #try(play: () => void): void {
    try {
      play();
    } catch (error) {
      this.#onBug(error);
    }
  }

  readonly #onBug = (reason: unknown): void => this.abort(asProxyError(reason, "internal"));

  #move(event: SessionEvent): void {
    const next = SESSION_STATES[this.#state][event];
    if (next === undefined) throw new TypeError(`A connection that is ${this.#state}: ${event}`);
    this.#state = next;
  }
}

/** For how long a client may go on sending that is told this in the place of an answer. */
function lingerBehind({ code }: ProxyError): number {
  if (code === "header_timeout") return SLOW_LINGER_MS;
  return code === "body_too_large" ? MAX_LINGER_MS : LINGER_MS;
}
