import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Field } from "../http/field.ts";
import { tiesConnection } from "../http/connection_login.ts";
import {
  type AnswerFacts,
  type FieldChanges,
  type Forwarding,
  NO_BODY,
  type RequestChanges,
} from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import type { Backend, Claim } from "../upstream/backend.ts";
import type { Server } from "../upstream/server.ts";
import type { AnswerReader, Seen, ServerStream } from "../upstream/server_stream.ts";
import type { KeptServer } from "../upstream/sticky_cookie.ts";
import { Tries } from "../upstream/tries.ts";
import type {
  AnswerTransform,
  AnswerTransformer,
  CodedFacts,
  TransformUser,
} from "./answer_transform.ts";
import { EXCHANGE_STATES, type ExchangeEvent, type ExchangeState } from "./exchange_states.ts";
import { tunnel } from "./relay.ts";
import { isRepeatable, mayRetry } from "./retry.ts";
import { bodyTooLarge, isBeyond } from "../http/body_limit.ts";
import type { ClientStream, RequestReader } from "./streams.ts";

/** What is to be done with a request: everything that its route and the settings say of it. */
export interface ExchangeOrder {
  readonly backend: Backend;
  readonly forwarding: Forwarding;
  readonly requestChanges: RequestChanges | undefined;
  readonly answerChanges: FieldChanges | undefined;
  /** Undefined where clients of the backend do not keep their servers. */
  readonly kept: KeptServer | undefined;
  /** What makes another answer of the server's; undefined where it goes on as it is. */
  readonly transformer: AnswerTransformer | undefined;
  /** Bytes of the request's body; 0 for any. */
  readonly bodyLimit: number;
  /** Milliseconds without a byte either way behind a switch of protocols. */
  readonly tunnelIdle: number;
}

/** Who has ordered an exchange. */
export interface ExchangeOwner {
  /**
   * What the client is told of a failure, of which nothing has been told yet; undefined where there
   * is nobody or nothing to tell.
   */
  answerFor(error: ProxyError): OwnAnswer | undefined;
  /** It is over; its facts hold until the next one begins. */
  exchangeOver(error: ProxyError | undefined): void;
}

/**
 * Sends one request to a backend and its answer to the client, both as they come. It knows neither
 * framing nor socket: what it does is driven by what its two streams tell it, and in the common case
 * without a promise. One object serves all requests of a client stream, in turn.
 */
export class Exchange implements RequestReader, AnswerReader, TransformUser {
  /** Of the answer that the client is sent; 0 before that. */
  status = 0;
  /** The server that was asked last. */
  server: Server | undefined;
  attempts = 0;
  reused = false;
  /** When the server's connection was at hand and when its answer began; 0 for not yet. */
  leasedAt = 0;
  answeredAt = 0;
  /** Bytes that went to the server behind a switch of protocols. */
  tunnelled = 0;
  readonly #client: ClientStream;
  readonly #owner: ExchangeOwner;
  readonly #deadlines: Deadlines;
  /** On the server. */
  readonly #deadline: Deadline;
  #state: ExchangeState = "over";
  /** Counts exchanges, so that what was waited for finds out that it comes too late. */
  #number = 0;
  #order: ExchangeOrder = NO_ORDER;
  #tries: Tries | undefined;
  /** Why the last try failed. */
  #lastError: ProxyError | undefined;
  #stream: ServerStream | undefined;
  /** Where the request has a place that it has to give back. */
  #place: Server | undefined;
  readonly #sending = {
    forwarding: NO_FORWARDING,
    changes: undefined as RequestChanges | undefined,
    chunks: false,
    answerChunks: false,
  };
  /** Where the last range of the request's body is, or `done` where it was done with. */
  #upload: "client" | "server" | "last" | "done" = "done";
  /** Whether bytes of the request are with a server, and whether they are with one that was left. */
  #isLent = false;
  #isLost = false;
  /** Whether the client may wait for a 100 Continue before it sends anything of its body. */
  #expecting = false;
  /** Whether the server has answered before it had all of the request. */
  #early = false;
  /** Whether its connection knows who the client is. */
  #tied = false;
  #answerEnded = false;
  /** What the answer's body goes through, where it does not go straight to the client. */
  #transform: AnswerTransform | undefined;
  /** Why the answer is the proxy's own, where it stands for a failure. */
  #error: ProxyError | undefined;

  constructor(client: ClientStream, owner: ExchangeOwner, deadlines: Deadlines) {
    this.#client = client;
    this.#owner = owner;
    this.#deadlines = deadlines;
    this.#deadline = deadlines.watch();
  }

  /** Whether nothing is under way. */
  get isOver(): boolean {
    return this.#state === "over";
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

  /** Goes on with a request that was held. */
  proceed(order: ExchangeOrder, began: number): void {
    this.#order = order;
    const { request } = this.#client;
    if (isBeyond(request.body, order.bodyLimit)) return this.#fail(bodyTooLarge(order.bodyLimit));
    this.#expecting = request.expectsContinue;
    this.#claim(began);
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
    this.#deadline[Symbol.dispose]();
  }

  // What the client does.

  requestBody(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { bodyLimit } = this.#order;
    if (isBeyond(this.#client.bodyBytes, bodyLimit)) {
      return this.clientFailed(bodyTooLarge(bodyLimit));
    }
    this.#took(ended);
    stream.body(bytes, from, to, ended);
  }

  requestTrailers(fields: readonly Field[]): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#took(true);
    stream.trailers(fields);
  }

  taken(): void {
    switch (this.#state) {
      case "asked":
        return this.#stream?.resume();
      case "answering":
        return this.#transform === undefined ? this.passed() : this.#transform.taken();
      case "responding":
        return this.#end(this.#error);
      default:
    }
  }

  passed(): void {
    if (this.#answerEnded) return this.#succeed();
    this.#deadline.arm(this.#order.backend.answerIdle, this.#onStandstill);
    this.#stream?.resume();
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
      this.#onBug(bug);
    }
  }

  /** Ends it at once, with nothing more said to the client. */
  abort(error: ProxyError): void {
    this.#dropServer(error);
    if (this.#state !== "over") this.#breakOff(error);
  }

  /** What goes wrong here ends this exchange, and nothing else. */
  readonly #onBug = (reason: unknown): void => this.abort(asProxyError(reason, "internal"));

  // What the server does.

  sent(): void {
    this.#isLent = false;
    this.#upload = this.#upload === "last" ? "done" : "client";
    if (this.#isClientsTurn) this.#deadline.disarm();
    this.#client.resume();
  }

  answer(head: AnswerFacts): void {
    const { status } = head;
    if (status >= 200) return this.#answer(head);
    if (status === 101) return void this.#tunnel(head).catch(this.#onBug);
    if (status === 100) this.#expecting = false;
    if (this.#isClientsTurn) this.#deadline.disarm();
    // HTTP/1.0 knows of none (RFC 9110, section 15.2)
    if (this.#client.request.version === "HTTP/1.0") this.#stream?.resume();
    else this.#client.inform(head);
  }

  answerBody(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#deadline.disarm();
    this.#answerEnded = ended;
    (this.#transform ?? this.#client).body(bytes, from, to, ended);
  }

  answerTrailers(fields: readonly Field[]): void {
    this.#deadline.disarm();
    this.#answerEnded = true;
    (this.#transform ?? this.#client).trailers(fields);
  }

  serverFailed(error: ProxyError, seen: Seen): void {
    this.#stream = undefined;
    this.#isLost ||= this.#isLent;
    this.#leavePlace();
    try {
      this.#tryFailed(error, seen);
    } catch (bug) {
      this.#onBug(bug);
    }
  }

  // From the place at a server to its answer.

  #begin(): void {
    this.#number++;
    this.status = 0;
    this.server = undefined;
    this.attempts = 0;
    this.reused = false;
    this.leasedAt = 0;
    this.answeredAt = 0;
    this.tunnelled = 0;
    this.#tries = undefined;
    this.#lastError = undefined;
    this.#isLent = false;
    this.#isLost = false;
    this.#early = false;
    this.#tied = false;
    this.#answerEnded = false;
    this.#error = undefined;
  }

  /** Takes a place at a server and a connection to it: at once, where both are at hand. */
  #claim(now: number): void {
    const { client, pins } = this.#client;
    const { backend } = this.#order;
    const pin = pins.take(backend.name);
    if (pin !== undefined) {
      this.#tied = true;
      // its client is known there: no other place would do
      pin.server.enter(0);
      return this.#ask(pin.server, pin.stream, now);
    }
    let claimed: Server | Promise<Server>;
    try {
      claimed = backend.claim(client.peer.host, this.#claimed);
    } catch (error) {
      return this.#noServer(error);
    }
    if (claimed instanceof Promise) return this.#wait(claimed);
    const idle = this.#takeIdle(claimed);
    if (idle === undefined || idle instanceof Promise) return this.#wait(claimed, idle);
    this.#ask(claimed, idle, now);
  }

  /** What a place depends on besides the client; undefined where on nothing. */
  get #claimed(): Claim | undefined {
    const kept = this.#order.kept?.member;
    const tries = this.#tries;
    return kept === undefined && tries === undefined ? undefined : { kept, tries };
  }

  /** One that has served before, unless it is the very thing that has just failed. */
  #takeIdle(server: Server): ServerStream | undefined | Promise<ServerStream | undefined> {
    if (this.#tries !== undefined) return undefined;
    return server.connections.take(!isRepeatable(this.#client.request));
  }

  #wait(claimed: Server | Promise<Server>, idle?: Promise<ServerStream | undefined>): void {
    this.#leaseLater(claimed, idle).catch(this.#onBug);
  }

  /** Waits for what is not at hand. */
  async #leaseLater(
    claimed: Server | Promise<Server>,
    idle?: Promise<ServerStream | undefined>,
  ): Promise<void> {
    const number = this.#number;
    const tries = this.#tries?.count;
    const isLate = () =>
      this.#number !== number || this.#state !== "leasing" || this.#tries?.count !== tries;
    let server: Server;
    try {
      server = await claimed;
    } catch (error) {
      return isLate() ? undefined : this.#noServer(error);
    }
    let stream: ServerStream | undefined;
    let failure: unknown;
    try {
      if (isLate()) return server.leave();
      this.server = server;
      stream = await (idle ?? this.#takeIdle(server)) ??
        (isLate() ? undefined : await this.#order.backend.open(server, this.#client.client));
    } catch (error) {
      failure = error;
    }
    if (isLate() || stream === undefined) {
      stream?.release();
      server.leave();
      if (isLate()) return;
      this.attempts++;
      return this.#tryFailed(asProxyError(failure, "internal"), "no");
    }
    this.#ask(server, stream, performance.now());
  }

  /** Sends the request's head, and as much of its body as is at hand. */
  #ask(server: Server, stream: ServerStream, now: number): void {
    this.#move("leased");
    const { request, givesChunks, takesChunks } = this.#client;
    this.server = server;
    this.attempts++;
    this.leasedAt = now;
    this.reused = stream.reused;
    this.#stream = stream;
    this.#place = server;
    const sending = this.#sending;
    sending.forwarding = this.#order.forwarding;
    sending.changes = this.#order.requestChanges;
    sending.chunks = givesChunks && stream.takesChunks;
    const isPlain = this.#order.transformer !== undefined;
    sending.answerChunks = takesChunks && stream.givesChunks && !isPlain;
    this.#waitForServer();
    this.#upload = request.body === NO_BODY ? "last" : "client";
    this.#isLent = true;
    stream.send(request, sending, this);
    if (request.body === NO_BODY) stream.body(NO_BYTES, 0, 0, true);
    else this.#client.readBody(sending.chunks);
  }

  /** The client has given a range of the request's body. */
  #took(ended: boolean): void {
    this.#isLent = true;
    this.#upload = ended ? "last" : "server";
    // a first range may be empty
    if (ended || this.#client.bodyBytes > 0) this.#expecting = false;
    if (this.#state === "asked") this.#waitForServer();
  }

  /** A client that may wait for 100 Continue waits for the server, so both do. */
  get #isClientsTurn(): boolean {
    return this.#state === "asked" && this.#upload === "client" && !this.#expecting;
  }

  #waitForServer(): void {
    this.#deadline.arm(this.#order.backend.responseTimeout, this.#onNoAnswer);
  }

  readonly #onNoAnswer = (): void => {
    const ms = this.#order.backend.responseTimeout;
    this.#serverLate(
      new ProxyError("response_timeout", `The server did not answer within ${ms / 1000} s`),
    );
  };

  readonly #onStandstill = (): void => {
    const { answerIdle: ms, name } = this.#order.backend;
    const key = `backends.${name}.timeouts.idle`;
    const message = `The server's answer stood still for ${
      ms / 1000
    } s; ${key} sets how long may be`;
    this.#serverLate(new ProxyError("truncated_response", message));
  };

  #serverLate(error: ProxyError): void {
    this.#stream?.abort(error);
    this.serverFailed(error, "yes");
  }

  // The answer.

  #answer(head: AnswerFacts): void {
    this.#move("answered");
    this.#deadline.disarm();
    this.answeredAt = performance.now();
    this.status = head.status;
    this.#early = this.#upload !== "done";
    this.#tied ||= tiesConnection(this.#client.request, head);
    const { transformer, answerChanges } = this.#order;
    const changes = this.#answerChanges(answerChanges);
    if (transformer === undefined) {
      return this.#client.begin(head, changes, this.#sending.answerChunks);
    }
    this.#transform = transformer.begin(head, { client: this.#client, changes, user: this });
  }

  /** What is made of the fields of the server's answer. */
  #answerChanges(changes: FieldChanges | undefined): FieldChanges | undefined {
    const { kept } = this.#order;
    return kept === undefined || this.server === undefined
      ? changes
      : kept.answerChanges(changes, this.server);
  }

  #succeed(): void {
    const server = this.#place;
    const stream = this.#stream;
    this.#stream = undefined;
    server?.succeed();
    if (stream !== undefined && server !== undefined) this.#release(server, stream);
    this.#leavePlace();
    this.#end(undefined);
  }

  /** Gives a connection back that has served to the end. */
  #release(server: Server, stream: ServerStream): void {
    if (this.#tied) this.#client.pins.keep(this.#order.backend.name, { server, stream });
    else stream.release();
  }

  /** Passes a 101 on, which was asked for, and all that follows it. */
  async #tunnel(head: AnswerFacts): Promise<void> {
    this.#move("switched");
    this.#deadline.disarm();
    this.answeredAt = performance.now();
    this.status = 101;
    const stream = this.#stream;
    if (stream === undefined) return;
    const number = this.#number;
    let error: ProxyError | undefined;
    try {
      await tunnel(
        await this.#client.tunnel(head, this.#answerChanges(undefined)),
        stream.tunnel(),
        {
          deadlines: this.#deadlines,
          idleTimeout: this.#order.tunnelIdle,
          onSent: (bytes) => void (this.tunnelled += bytes),
        },
      );
    } catch (reason) {
      error = asProxyError(reason, "internal");
    }
    if (this.#number !== number || this.#state !== "tunnel") return;
    if (error !== undefined) return this.clientFailed(error);
    this.#place?.succeed();
    this.#dropServer();
    this.#end(undefined);
  }

  // What fails.

  /** Goes on behind a try that failed, with another where that may be. */
  #tryFailed(error: ProxyError, seen: Seen): void {
    if (this.#state === "over") return;
    const { backend } = this.#order;
    const { server } = this;
    const failed: FailedTryFacts = { error, seen };
    if (server !== undefined && this.#tells(failed)) {
      backend.report(server, error, { begun: this.hasBegun });
    }
    const told = backend.unreachable(error);
    const tries = this.#tries ??= new Tries();
    if (server === undefined || !this.#mayRetry(failed) || tries.count >= backend.retries) {
      return this.#fail(told);
    }
    this.#move("retry");
    this.#deadline.disarm();
    // a server that has only refused, or closed in the wrong moment, is as good as any other
    tries.add(server, { again: seen !== "yes" && error.code === "upstream_gone" });
    this.#lastError = told;
    this.#claim(performance.now());
  }

  /**
   * Whether a failure is worth telling of its server. A server may well close an idle connection,
   * also in the wrong moment, or one that it says it has seen no request on; what breaks behind an
   * answer that came early or behind a switch of protocols may be anybody's doing.
   */
  #tells({ error, seen }: FailedTryFacts): boolean {
    if (error.source !== "upstream" || this.#early || this.status === 101) return false;
    return error.code !== "upstream_gone" || seen === "yes";
  }

  #mayRetry({ error: { code }, seen }: FailedTryFacts): boolean {
    if (this.hasBegun) return false;
    const { request, bodyBytes } = this.#client;
    const repeatable = isRepeatable(request);
    return mayRetry({ code, repeatable, bodyGone: bodyBytes > 0, seen });
  }

  /** No server is left: what was tried says more than that. */
  #noServer(reason: unknown): void {
    const error = asProxyError(reason, "internal");
    this.#fail(this.#lastError ?? this.#order.backend.unreachable(error));
  }

  /** Tells the client of a failure, or, behind an answer's head, lets it see a broken answer. */
  #fail(error: ProxyError): void {
    this.#deadline.disarm();
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
    this.#move("end");
    this.#deadline.disarm();
    this.#owner.exchangeOver(error);
    this.#endTransform();
    this.#client.reset(error);
  }

  #end(error: ProxyError | undefined): void {
    this.#move("end");
    this.#deadline.disarm();
    this.#owner.exchangeOver(error);
    this.#endTransform();
    this.#client.done(!this.#isLent && !this.#isLost);
  }

  #endTransform(): void {
    const transform = this.#transform;
    this.#transform = undefined;
    transform?.[Symbol.dispose]();
  }

  #dropServer(error?: ProxyError): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#isLost ||= this.#isLent;
    stream?.abort(error);
    this.#leavePlace();
  }

  #leavePlace(): void {
    const place = this.#place;
    this.#place = undefined;
    place?.leave();
  }

  #move(event: ExchangeEvent): void {
    const next = EXCHANGE_STATES[this.#state][event];
    if (next === undefined) throw new TypeError(`An exchange that is ${this.#state}: ${event}`);
    this.#state = next;
  }
}

interface FailedTryFacts {
  readonly error: ProxyError;
  readonly seen: Seen;
}

const NO_FORWARDING: Forwarding = {
  peer: "",
  port: 0,
  proto: "http",
  defaultHost: "",
  trusted: false,
  standard: false,
  via: false,
};

const NO_ORDER = { forwarding: NO_FORWARDING } as ExchangeOrder;
