import type { Deadlines } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Field } from "../http/field.ts";
import { bodyTooLarge, isBeyond } from "../http/body_limit.ts";
import { tiesConnection } from "../http/connection_login.ts";
import {
  type AnswerFacts,
  type FieldChanges,
  NO_BODY,
  type RequestChanges,
} from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import type { AnswerReader, Seen, ServerStream } from "../upstream/server_stream.ts";
import type { AnswerTransform, CodedFacts, TransformUser } from "./answer_transform.ts";
import { type ExchangeOrder, type ExchangeOwner, NO_ORDER } from "./exchange_order.ts";
import { EXCHANGE_STATES, type ExchangeEvent, type ExchangeState } from "./exchange_states.ts";
import { tunnel } from "./relay.ts";
import { isServersFault } from "./retry.ts";
import type { Runner, RunQueue } from "./run_queue.ts";
import { ServerClock } from "./server_clock.ts";
import { type LeaseFacts, type LeaseUser, ServerLease } from "./server_lease.ts";
import type { ClientStream, RequestReader } from "./streams.ts";
import { Upload } from "./upload.ts";

export interface ExchangeOptions {
  readonly deadlines: Deadlines;
  readonly queue: RunQueue;
}

/** Interim answers (RFC 9110, section 15.2) of a request at the most, whatever its server has to say. */
const MAX_INTERIMS = 1000;

/**
 * Sends one request to a backend and its answer to the client, both as they come. It knows neither
 * framing nor socket: what it does is driven by what its two streams tell it, and in the common case
 * without a promise. One object serves all requests of a client stream, in turn.
 */
export class Exchange implements RequestReader, AnswerReader, TransformUser, LeaseUser, Runner {
  /** Of the answer that the client is sent; 0 before that. */
  status = 0;
  /** When the server's answer began, as `performance.now()` has it; 0 for not yet. */
  answeredAt = 0;
  readonly #client: ClientStream;
  readonly #owner: ExchangeOwner;
  readonly #deadlines: Deadlines;
  readonly #queue: RunQueue;
  readonly #lease: ServerLease;
  readonly #upload = new Upload();
  readonly #clock: ServerClock;
  #state: ExchangeState = "over";
  /** Counts exchanges, so that what was waited for finds out that it comes too late. */
  #number = 0;
  #order: ExchangeOrder = NO_ORDER;
  /** Whether it waits in the queue, and the round that it runs in; 0 where it does not. */
  #isQueued = false;
  #round = 0;
  readonly #sending = {
    forwarding: NO_ORDER.forwarding,
    changes: undefined as RequestChanges | undefined,
    chunks: false,
    answerChunks: false,
  };
  /** Interim answers that have come. */
  #interims = 0;
  /** Whether the server has answered before it had all of the request. */
  #early = false;
  #answerEnded = false;
  /** What the answer's body goes through, where it does not go straight to the client. */
  #transform: AnswerTransform | undefined;
  /** Why the answer is the proxy's own, where it stands for a failure. */
  #error: ProxyError | undefined;

  constructor(
    client: ClientStream,
    owner: ExchangeOwner,
    { deadlines, queue }: ExchangeOptions,
  ) {
    this.#client = client;
    this.#owner = owner;
    this.#deadlines = deadlines;
    this.#queue = queue;
    this.#lease = new ServerLease(client, this);
    this.#clock = new ServerClock(deadlines.watch(), (error) => this.#leaveServer(error));
  }

  /** Whether nothing is under way. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  /** What is known of the server and of the connection to it. */
  get lease(): LeaseFacts {
    return this.#lease;
  }

  /** What has become of the answer's body, where it was encoded here. */
  get coded(): CodedFacts | undefined {
    return this.#transform?.coded;
  }

  /** Whether an answer has begun. */
  get hasBegun(): boolean {
    return this.status !== 0;
  }

  /** Serves the client's request. `began` is when it did, as `performance.now()` has it. */
  start(order: ExchangeOrder, began: number): void {
    this.#begin();
    this.#move("start");
    this.proceed(order, began);
  }

  /**
   * Begins with a request of which it is yet to be found out what is to be done: `proceed` or
   * `respondTo` follows.
   *
   * @returns whether anybody still waits for that
   */
  hold(): () => boolean {
    this.#begin();
    this.#move("start");
    const number = this.#number;
    return () => this.#number === number && this.#state === "leasing";
  }

  /** Goes on with a request that was held. @param now `performance.now()` */
  proceed(order: ExchangeOrder, now: number): void {
    this.#order = order;
    const { request } = this.#client;
    if (isBeyond(request.body, order.bodyLimit)) return this.#fail(bodyTooLarge(order.bodyLimit));
    this.#upload.start(request);
    this.#isQueued = !this.#queue.enter(this, now);
    if (!this.#isQueued) this.#run(now);
  }

  run(now: number): boolean {
    const runs = this.#isQueued && this.#state === "leasing";
    this.#isQueued = false;
    try {
      if (runs) this.#run(now);
    } catch (bug) {
      this.onBug(bug);
    }
    return runs;
  }

  #run(now: number): void {
    this.#round = this.#queue.round;
    this.#lease.claim(this.#order, now);
  }

  /**
   * Answers the client's request itself.
   *
   * @param mayGoOn whether the client's connection may, as far as the answer goes
   */
  respond(answer: OwnAnswer, mayGoOn: boolean): void {
    this.#begin();
    this.#respond(answer, mayGoOn);
  }

  /**
   * The same for a request that was held.
   *
   * @param error what the answer stands for, where it tells of a failure
   */
  respondTo(answer: OwnAnswer, error: ProxyError | undefined): void {
    this.#error = error;
    this.#respond(answer, true);
  }

  /** Answers the client's request with why it is not served. */
  refuse(error: ProxyError): void {
    this.#begin();
    this.#move("start");
    this.#fail(error);
  }

  [Symbol.dispose](): void {
    this.#clock[Symbol.dispose]();
  }

  // What the client does.

  requestBody(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    const { stream } = this.#lease;
    if (stream === undefined) return;
    const { bodyLimit } = this.#order;
    if (isBeyond(this.#client.bodyBytes, bodyLimit)) {
      return this.clientFailed(bodyTooLarge(bodyLimit));
    }
    this.#took(to - from, ended);
    stream.body(bytes, from, to, ended);
  }

  requestTrailers(fields: readonly Field[]): void {
    const { stream } = this.#lease;
    if (stream === undefined) return;
    this.#took(0, true);
    stream.trailers(fields);
  }

  taken(): void {
    switch (this.#state) {
      case "asked":
        return this.#lease.stream?.resume();
      case "answering":
        return this.#transform === undefined ? this.passed() : this.#transform.taken();
      case "responding":
        return this.#end(this.#error);
      default:
    }
  }

  passed(): void {
    if (this.#answerEnded) return this.#succeed();
    this.#clock.awaitBody(this.#order.backend);
    this.#lease.stream?.resume();
  }

  transformFailed(error: ProxyError): void {
    this.abort(error);
  }

  clientFailed(error: ProxyError): void {
    try {
      this.#dropServer(error);
      if (this.#state === "responding") return this.#breakOff(this.#error ?? error);
      if (this.#state !== "over") this.#fail(error);
    } catch (bug) {
      this.onBug(bug);
    }
  }

  /** Ends it at once, with nothing more said to the client. */
  abort(error: ProxyError): void {
    this.#dropServer(error);
    if (this.#state !== "over") this.#breakOff(error);
  }

  /** What goes wrong here ends this exchange, and nothing else. */
  readonly onBug = (reason: unknown): void => this.abort(asProxyError(reason, "internal"));

  // What the server does.

  sent(): void {
    this.#upload.taken();
    if (this.#isClientsTurn) this.#clock.stop();
    else this.#clock.tookMore();
    this.#client.resume();
  }

  answer(head: AnswerFacts): void {
    const { status } = head;
    if (status >= 200) return this.#answer(head);
    if (status === 101) return this.#switch(head);
    if (++this.#interims > MAX_INTERIMS) {
      return this.#leaveServer(
        new ProxyError("bad_response", "The server only gives interim answers"),
      );
    }
    if (status === 100) this.#upload.continued();
    // a server that is at work says so, by a 102 say
    if (this.#isClientsTurn) this.#clock.stop();
    else this.#clock.awaitAnswer(this.#order.backend);
    // HTTP/1.0 knows of none (RFC 9110, section 15.2)
    if (this.#client.request.version === "HTTP/1.0") this.#lease.stream?.resume();
    else this.#client.inform(head);
  }

  answerBody(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#clock.stop();
    this.#answerEnded = ended;
    (this.#transform ?? this.#client).body(bytes, from, to, ended);
  }

  answerTrailers(fields: readonly Field[]): void {
    this.#clock.stop();
    this.#answerEnded = true;
    (this.#transform ?? this.#client).trailers(fields);
  }

  serverFailed(error: ProxyError, seen: Seen): void {
    this.#upload.left();
    this.#lease.lost();
    try {
      this.#tryFailed(error, seen);
    } catch (bug) {
      this.onBug(bug);
    }
  }

  // From a server that is at hand to its answer.

  #begin(): void {
    this.#number++;
    this.status = 0;
    this.answeredAt = 0;
    this.#early = false;
    this.#interims = 0;
    this.#answerEnded = false;
    this.#error = undefined;
    this.#isQueued = false;
    this.#lease.begin();
    this.#upload.begin();
  }

  /** Sends the request's head, and as much of its body as is at hand. */
  leased(stream: ServerStream): void {
    this.#move("leased");
    const { request, givesChunks, takesChunks } = this.#client;
    const sending = this.#sending;
    sending.forwarding = this.#order.forwarding;
    sending.changes = this.#order.requestChanges;
    sending.chunks = givesChunks && stream.takesChunks;
    const isPlain = this.#order.transformer !== undefined;
    sending.answerChunks = takesChunks && stream.givesChunks && !isPlain;
    this.#clock.awaitAnswer(this.#order.backend);
    this.#upload.gaveHead(request);
    stream.send(request, sending, this);
    if (request.body === NO_BODY) stream.body(NO_BYTES, 0, 0, true);
    else this.#client.readBody(sending.chunks);
  }

  /** The client has given a range of the request's body. */
  #took(bytes: number, ended: boolean): void {
    this.#upload.gave(bytes, ended, this.#client.bodyBytes);
    if (this.#state === "asked") this.#clock.awaitAnswer(this.#order.backend);
  }

  get #isClientsTurn(): boolean {
    return this.#state === "asked" && this.#upload.isClientsTurn;
  }

  #leaveServer(error: ProxyError): void {
    this.#lease.stream?.abort(error);
    this.serverFailed(error, "yes");
  }

  // The answer.

  #answer(head: AnswerFacts): void {
    if (this.#client.isForTunnel && head.status < 300) {
      return this.#refuseToSwitch("The server has not switched protocols");
    }
    this.#move("answered");
    this.#clock.stop();
    this.answeredAt = performance.now();
    this.status = head.status;
    this.#early = !this.#upload.isDone;
    if (tiesConnection(this.#client.request, head)) this.#lease.tie();
    const { transformer, answerChanges } = this.#order;
    const changes = this.#answerChanges(answerChanges);
    if (transformer === undefined) {
      return this.#client.begin(head, changes, this.#sending.answerChunks);
    }
    this.#transform = transformer.begin(head, { client: this.#client, changes, user: this });
  }

  /** The server serves what it was to switch for as any other request, or does not prove the switch. */
  #refuseToSwitch(reason: string): void {
    this.#dropServer();
    this.#fail(new ProxyError("bad_response", reason));
  }

  /** What is made of the fields of the server's answer. */
  #answerChanges(changes: FieldChanges | undefined): FieldChanges | undefined {
    const { kept } = this.#order;
    const { server } = this.#lease;
    return kept === undefined || server === undefined
      ? changes
      : kept.answerChanges(changes, server);
  }

  #succeed(): void {
    this.#lease.succeed();
    this.#lease.release();
    this.#end(undefined);
  }

  #switch(head: AnswerFacts): void {
    if (!this.#client.isProven(head)) {
      return this.#refuseToSwitch("The server has not proved that it has read the WebSocket's key");
    }
    this.#tunnel(head).catch(this.onBug);
  }

  /** Passes a 101 on, which was asked for, and all that follows it. */
  async #tunnel(head: AnswerFacts): Promise<void> {
    this.#move("switched");
    this.#clock.stop();
    this.answeredAt = performance.now();
    this.status = 101;
    const { stream } = this.#lease;
    if (stream === undefined) return;
    const number = this.#number;
    let error: ProxyError | undefined;
    try {
      await tunnel(
        await this.#client.tunnel(head, this.#answerChanges(this.#order.answerChanges)),
        stream.tunnel(),
        { deadlines: this.#deadlines, idleTimeout: this.#order.tunnelIdle },
      );
    } catch (reason) {
      error = asProxyError(reason, "internal");
    }
    if (this.#number !== number || this.#state !== "tunnel") return;
    if (error !== undefined) return this.clientFailed(error);
    this.#lease.succeed();
    this.#dropServer();
    this.#end(undefined);
  }

  // What fails.

  noServer(error: ProxyError): void {
    this.#fail(error);
  }

  noConnection(error: ProxyError): void {
    this.#tryFailed(error, "no");
  }

  /** Goes on behind a try that failed, with another where that may be. */
  #tryFailed(error: ProxyError, seen: Seen): void {
    if (this.#state === "over") return;
    const { backend } = this.#order;
    const { server } = this.#lease;
    const failed = { error, seen, early: this.#early, status: this.status };
    if (server !== undefined && isServersFault(failed)) {
      backend.report(server, error, { begun: this.hasBegun });
    }
    const told = backend.unreachable(error);
    const bodyGone = this.#upload.isBodyGone;
    if (this.hasBegun || !this.#lease.mayTryNext(error, { seen, bodyGone })) {
      return this.#fail(told);
    }
    this.#move("retry");
    this.#clock.stop();
    this.#client.holdBody();
    this.#lease.claimNext({ error, seen, told });
  }

  /** Tells the client of a failure, or, behind an answer's head, lets it see a broken answer. */
  #fail(error: ProxyError): void {
    this.#clock.stop();
    const answer = this.hasBegun ? undefined : this.#owner.answerFor(error);
    if (answer === undefined) return this.#breakOff(error);
    this.#error = error;
    this.#respond(answer, error.source !== "client");
  }

  #respond(answer: OwnAnswer, mayGoOn: boolean): void {
    this.#move("respond");
    this.status = answer.status;
    this.#client.respond(answer, mayGoOn);
  }

  #breakOff(error: ProxyError): void {
    this.#leave(error);
    this.#client.reset(error);
  }

  #end(error: ProxyError | undefined): void {
    this.#leave(error);
    this.#client.done(this.#upload.isSettled);
  }

  #leave(error: ProxyError | undefined): void {
    this.#move("end");
    this.#clock.stop();
    this.#queue.leave(this.#round);
    this.#round = 0;
    this.#owner.exchangeOver(error);
    this.#endTransform();
  }

  #endTransform(): void {
    const transform = this.#transform;
    this.#transform = undefined;
    transform?.[Symbol.dispose]();
  }

  #dropServer(error?: ProxyError): void {
    this.#upload.left();
    this.#lease.abort(error);
  }

  #move(event: ExchangeEvent): void {
    const next = EXCHANGE_STATES[this.#state][event];
    if (next === undefined) throw new TypeError(`An exchange that is ${this.#state}: ${event}`);
    this.#state = next;
  }
}
