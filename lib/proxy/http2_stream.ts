import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import { bodyTooLarge } from "../http/body_limit.ts";
import { grpcFields, isGrpc } from "../http/grpc.ts";
import { endToEndTrailers } from "../http/hop_fields.ts";
import type { AnswerFacts, FieldChanges, PutField } from "../http/message.ts";
import { type OwnAnswer, ownAnswerFields } from "../http/own_answer.ts";
import { viaFieldOf } from "../http/via.ts";
import type { AcceptedConnection } from "../http2/accepted_connection.ts";
import type { StreamReset } from "../http2/connection.ts";
import { IncomingRequest } from "../http2/incoming_request.ts";
import type { Http2RequestHead } from "../http2/request_head.ts";
import type { Stream } from "../http2/stream.ts";
import { ERROR } from "../http2/wire.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { Inbox } from "../io/inbox.ts";
import { Http2Tunnel } from "../upstream/http2_tunnel.ts";
import type { Pins } from "../upstream/pins.ts";
import type { OpaqueEnd } from "../upstream/server_stream.ts";
import { acceptOf } from "../upstream/websocket.ts";
import { BodyClock } from "./body_clock.ts";
import type { ClientIdentity } from "./client_identity.ts";
import { clientLeft, faultOfFrames, nothingTaken } from "./connection_end.ts";
import type { HttpClient } from "./http_client.ts";
import type { Policy } from "./policy.ts";
import { RequestService, type ServeOptions } from "./serve_request.ts";
import { StallClock } from "./stall_clock.ts";
import type { ClientStream } from "./streams.ts";

/** Who has streams, and takes them back. */
export interface StreamHome {
  readonly connection: AcceptedConnection<Http2Stream>;
  readonly identity: ClientIdentity;
  readonly options: ServeOptions;
  readonly policy: Policy;
  /** Of all streams: the connection is the client. */
  readonly pins: Pins;
  /** Rises with what is framed of bodies, and with what the client takes of them. */
  readonly progress: number;
  /** A stream has something for the server, once all that has come is read. */
  ready(stream: Http2Stream): void;
  /** Request and answer are over: the object may serve another. @param answered to the end */
  over(stream: Http2Stream, answered: boolean): void;
  /** An interim answer was said: `informed` follows, once the client takes what it is sent. */
  inform(stream: Http2Stream): void;
  /** An answer has ended before its request: what still comes of that is refused. */
  resetSoon(stream: Stream<Http2Stream>): void;
}

/** One request of a connection by HTTP/2, and its answer. The object serves one after another. */
export class Http2Stream implements ClientStream {
  readonly client: HttpClient;
  readonly request = new IncomingRequest();
  readonly pins: Pins;
  readonly takesChunks = false;
  readonly givesChunks = false;
  bodyBytes = 0;
  readonly #home: StreamHome;
  readonly #service: RequestService;
  readonly #inbox = new Inbox();
  #stream: Stream<Http2Stream> | undefined;
  /** What the request goes by, whatever is in force by its end. */
  #policy: Policy;
  /** What its stream had received and sent, once that is over. */
  #receivedBefore = 0;
  #sentBefore = 0;
  #maxBody = Infinity;
  /** Why it is not to be served. */
  #refusal: ProxyError | undefined;
  /** What becomes of the request's body: nobody has asked for it, or somebody takes it. */
  #upload: "unread" | "wanted" | "given" | "done" = "unread";
  #givenBytes = 0;
  /** Whether the client may wait for a 100 Continue before it sends anything. */
  #expecting = false;
  /** Whether an answer has begun: from there on the client may take any time with what it sends. */
  #isAnswered = false;
  #ended = false;
  /** Whether the client was answered to the end. */
  #isDone = false;
  #trailers: readonly Field[] | undefined;
  /** The answer's head, until the body's first range goes with it. */
  #answer: AnswerFacts | undefined;
  #changes: FieldChanges | undefined;
  #tunnel: Http2Tunnel<Http2Stream> | undefined;
  /** Made for the first body: most streams never see one. */
  #reading: BodyClock | undefined;
  #readDeadline: Deadline | undefined;
  #writing: StallClock | undefined;
  /** Whether the exchange waits for what is being sent. */
  #isWaiting = false;
  /** Whether it waits for an interim answer to go. */
  #isInforming = false;
  /** Whether the request is being served. */
  #isBegun = false;
  /** Whether the server that is asked now was given a first range of the body. */
  #wasAsked = false;

  constructor(home: StreamHome) {
    this.#home = home;
    this.#policy = home.policy;
    this.client = home.identity.client;
    this.pins = home.pins;
    this.#service = new RequestService(this, home.identity, home.options);
  }

  // What the connection does.

  /** A request has come. @param refusal why it is not to be served, if it is not */
  open(
    stream: Stream<Http2Stream>,
    head: Http2RequestHead,
    { ended, refusal }: { ended: boolean; refusal: ProxyError | undefined },
  ): void {
    stream.owner = this;
    this.#stream = stream;
    this.#refusal = refusal;
    this.#policy = this.#home.policy;
    this.#maxBody = this.#policy.limits.body || Infinity;
    this.#upload = "unread";
    this.#ended = ended;
    this.bodyBytes = 0;
    this.request.begin(head, ended);
    this.#expecting = this.request.expectsContinue;
    this.#isAnswered = this.#isDone = false;
    this.#home.ready(this);
  }

  /** All that has come is read: what waits for that is done now. */
  proceed(): void {
    if (this.#stream === undefined) return;
    if (this.#upload === "wanted" && (!this.#inbox.isEmpty || this.#ended)) return this.#give();
    if (this.#isBegun) return;
    if (this.#refusal !== undefined) return this.#refuse(this.#refusal);
    this.#isBegun = true;
    this.#service.serve(this.#policy);
  }

  received(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    if (this.#tunnel !== undefined) return this.#tunnel.received(bytes, from, to, ended);
    // a frame without data says nothing, and the client is waited for as before
    if (from === to && !ended) return;
    this.bodyBytes += to - from;
    this.#expecting = false;
    this.#ended = ended;
    if (this.bodyBytes > this.#maxBody) return this.#fail(bodyTooLarge(this.#maxBody));
    this.#inbox.put(bytes, from, to);
    this.#reading?.stop(to - from);
    if (this.#upload === "wanted") this.#home.ready(this);
  }

  receivedTrailers(fields: readonly Field[]): void {
    this.#ended = true;
    this.#trailers = fields;
    this.#reading?.stop(0);
    if (this.#tunnel !== undefined) this.#tunnel.received(NO_BYTES, 0, 0, true);
    else if (this.#upload === "wanted") this.#home.ready(this);
  }

  /** What waited to be sent is framed. */
  taken(): void {
    this.#writing?.stop();
    if (this.#tunnel !== undefined) this.#tunnel.sent();
    else if (this.#isWaiting) {
      this.#isWaiting = false;
      this.#service.exchange.taken();
    }
  }

  /** The stream is over before its time. */
  failed(reset: StreamReset): void {
    const { by, error } = reset;
    // the client is still there, and its connection was ended here
    if (by === "peer" && error !== undefined && this.#isBegun) return this.#abort(error);
    const failure = failureOf(reset);
    // nobody knows of it yet, and it is not served at all, but told of
    if (this.#isBegun) this.#fail(failure);
    else this.#refuse(failure);
  }

  /** Nobody waits for its answer any more. */
  abandon(): void {
    this.#fail(clientLeft());
  }

  [Symbol.dispose](): void {
    this.#service[Symbol.dispose]();
    this.#readDeadline?.[Symbol.dispose]();
    this.#writing?.[Symbol.dispose]();
  }

  // What the exchange does.

  get isForTunnel(): boolean {
    return this.request.upgrade !== undefined;
  }

  get bytesIn(): number {
    return this.#stream === undefined ? this.#receivedBefore : this.#stream.bytesReceived;
  }

  get bytesOut(): number {
    return this.#stream === undefined ? this.#sentBefore : this.#stream.bytesSent;
  }

  readBody(): void {
    this.#upload = "wanted";
    this.#wasAsked = false;
    this.#clock().renew();
    this.#give();
  }

  holdBody(): void {
    // the server that it was of is left
    this.#isInforming = false;
    this.#upload = "unread";
    this.#reading?.stop(0);
  }

  resume(): void {
    this.#inbox.free();
    if (this.#stream !== undefined) {
      this.#home.connection.consumed(this.#stream, this.#givenBytes);
    }
    this.#givenBytes = 0;
    if (this.#upload !== "given") return;
    this.#upload = "wanted";
    if (!this.#inbox.isEmpty || this.#ended) this.#give();
    else if (!this.#expecting && !this.#isAnswered) this.#clock().start();
  }

  inform(answer: AnswerFacts): void {
    if (answer.status === 100) this.#continued();
    if (this.#stream !== undefined) {
      const fields = (put: PutField) => answer.each(put, undefined);
      this.#home.connection.respond(this.#stream, answer.status, fields, false);
    }
    this.#isInforming = true;
    this.#home.inform(this);
  }

  /** There is room for more than the interim answer that was said last. */
  informed(): void {
    if (!this.#isInforming) return;
    this.#isInforming = false;
    this.#service.exchange.taken();
  }

  begin(answer: AnswerFacts, changes: FieldChanges | undefined): void {
    this.#answered();
    this.#answer = answer;
    this.#changes = changes;
  }

  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer !== undefined) this.#begin(answer, ended && from === to);
    if (answer !== undefined && from === to) return this.#service.exchange.taken();
    this.#send(bytes, from, to, ended);
  }

  trailers(fields: readonly Field[]): void {
    if (this.#stream !== undefined) {
      this.#home.connection.sendTrailers(this.#stream, endToEndTrailers(fields));
    }
    this.#service.exchange.taken();
  }

  respond(answer: OwnAnswer): void {
    this.#answered();
    // what still comes of the request is dropped, however much it is
    this.#maxBody = Infinity;
    if (this.#stream === undefined) return this.#service.exchange.taken();
    const { connection } = this.#home;
    if (isGrpc(this.request) && answer.status >= 400) {
      connection.respond(this.#stream, 200, grpcFields(answer, Date.now()), true);
      return this.#service.exchange.taken();
    }
    const body = this.request.method === "HEAD" ? NO_BYTES : answer.body;
    const ended = body.length === 0;
    connection.respond(this.#stream, answer.status, (put) => {
      for (const { key, value } of ownAnswerFields(answer, Date.now())) put(key, value);
    }, ended);
    if (ended) this.#service.exchange.taken();
    else this.#send(body, 0, body.length, true);
  }

  /** The client of a WebSocket has sent no key (RFC 8441, section 5), so it is held against ours. */
  isProven(answer: AnswerFacts): boolean {
    const { key } = this.request;
    return key === undefined || answer.version === "2.0" ||
      answer.values("sec-websocket-accept").join() === acceptOf(key);
  }

  tunnel(answer: AnswerFacts, changes: FieldChanges | undefined): Promise<OpaqueEnd> {
    const stream = this.#stream;
    if (stream === undefined) {
      return Promise.reject(new ProxyError("client_gone", "The client has reset the stream"));
    }
    const { connection } = this.#home;
    const tunnel = this.#tunnel = new Http2Tunnel(connection, stream);
    connection.respond(stream, 200, (put) => {
      answer.each((name, value, isSecret) => {
        if (name !== "sec-websocket-accept") put(name, value, isSecret);
      }, changes);
    }, false);
    // what has come before the server has switched
    for (let range = this.#inbox.take(); range !== undefined; range = this.#inbox.take()) {
      tunnel.received(range.bytes, range.from, range.to, false);
      this.#inbox.free();
    }
    if (this.#ended) tunnel.received(NO_BYTES, 0, 0, true);
    return Promise.resolve(tunnel);
  }

  done(settled: boolean): void {
    const stream = this.#stream;
    // a client need not send what nobody reads (RFC 9113, section 8.1)
    if (stream !== undefined && !this.#ended) this.#home.resetSoon(stream);
    this.#isDone = true;
    this.#end(this.#ended ? ERROR.noError : undefined, settled);
  }

  reset(error: ProxyError): void {
    this.#end(resetCode(error, this.request));
  }

  #begin(answer: AnswerFacts, ended: boolean): void {
    if (this.#stream === undefined) return;
    this.#home.connection.respond(this.#stream, answer.status, this.#fieldsOf(answer), ended);
  }

  #fieldsOf(answer: AnswerFacts): (put: PutField) => void {
    const changes = this.#changes;
    // what rules make of it is for the proxy's own, too
    const isAppended = this.#policy.forwarded.via && changes?.remove.has("via") !== true;
    if (!isAppended) return (put) => answer.each(put, changes);
    return (put) => {
      const before: string[] = [];
      answer.each((name, value, isSecret) => {
        if (name === "via") before.push(value);
        else put(name, value, isSecret);
      }, changes);
      put("via", viaFieldOf(before, answer.version).value);
    };
  }

  #send(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    const stream = this.#stream;
    const taken = stream === undefined ||
      this.#home.connection.sendData(stream, bytes, from, to, ended);
    if (taken) return this.#service.exchange.taken();
    this.#isWaiting = true;
    this.#writing ??= new StallClock({
      deadline: this.#deadlines.watch(),
      moved: () => this.#progress,
      onLate: (ms) => this.#fail(nothingTaken(ms)),
    });
    this.#writing.start(this.#policy.timeouts.bodyIdle);
  }

  /**
   * Rises as long as the client takes what has to be sent before what waits here is: that of the
   * stream itself and, where this may be sent and has yet to get its turn, of all others.
   */
  get #progress(): number {
    const queued = this.#stream?.queued === true;
    return this.bytesOut + (queued ? this.#home.progress : 0);
  }

  /** The server has asked for the body: from here on it is the client's turn. */
  #continued(): void {
    if (!this.#expecting) return;
    this.#expecting = false;
    if (this.#upload === "wanted") this.#clock().start();
  }

  #answered(): void {
    this.#isAnswered = true;
    // what is taken from here on is the answer
    this.#isInforming = false;
    this.#reading?.stop(0);
  }

  /** Gives what waits of the request's body, maybe nothing. */
  #give(): void {
    const range = this.#inbox.take();
    const isLast = this.#ended && this.#inbox.isEmpty;
    const trailers = this.#trailers;
    const { exchange } = this.#service;
    if (isLast && range === undefined && trailers !== undefined && this.#wasAsked) {
      this.#upload = "done";
      return exchange.requestTrailers(trailers);
    }
    const ended = isLast && trailers === undefined;
    this.#wasAsked = true;
    this.#upload = ended ? "done" : "given";
    this.#givenBytes = range === undefined ? 0 : range.to - range.from;
    if (range === undefined) exchange.requestBody(NO_BYTES, 0, 0, ended);
    else exchange.requestBody(range.bytes, range.from, range.to, ended);
  }

  #abort(error: ProxyError): void {
    this.#reading?.stop(0);
    this.#tunnel?.failed(error);
    this.#service.exchange.abort(error);
  }

  #fail(error: ProxyError): void {
    const tunnel = this.#tunnel;
    this.#reading?.stop(0);
    tunnel?.failed(error);
    if (this.#isBegun) this.#service.exchange.clientFailed(error);
    // as above
    else if (error.code === "client_gone") this.#refuse(error);
    else this.#refusal ??= error;
  }

  /** Serves it by saying why it is not served. */
  #refuse(error: ProxyError): void {
    this.#isBegun = true;
    this.#service.refuse(error, this.#policy);
  }

  /**
   * @param code to reset the stream with; undefined where that is left to others
   * @param settled whether nothing of the request may still be on its way to a server
   */
  #end(code: number | undefined, settled = false): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (code !== undefined) this.#home.connection.reset(stream, code);
    this.#stream = undefined;
    this.#receivedBefore = stream.bytesReceived;
    this.#sentBefore = stream.bytesSent;
    stream.owner = undefined;
    this.#reading?.stop(0);
    this.#writing?.stop();
    this.#inbox.clear();
    this.#givenBytes = 0;
    this.request.end(settled);
    this.#refusal = undefined;
    this.#trailers = undefined;
    this.#answer = undefined;
    this.#changes = undefined;
    this.#tunnel = undefined;
    this.#isBegun = false;
    this.#isWaiting = this.#isInforming = false;
    this.#home.over(this, this.#isDone);
  }

  get #deadlines(): Deadlines {
    return this.#home.options.deadlines;
  }

  #clock(): BodyClock {
    const { limits: { bodyRate: rate }, timeouts: { bodyIdle: idle } } = this.#policy;
    if (this.#reading?.isFor(idle, rate)) return this.#reading;
    this.#readDeadline ??= this.#deadlines.watch();
    const clock = this.#reading = new BodyClock({
      deadline: this.#readDeadline,
      idle,
      rate,
      onLate: (error) => {
        // other uploads, whose servers are slow, may keep it from sending
        if (this.#home.connection.isShut) clock.restart();
        else this.#fail(error);
      },
    });
    return clock;
  }
}

/** What it is that a stream is over before its time. */
function failureOf({ by, code, reason, error }: StreamReset): ProxyError {
  // a client that was late with something else has done nothing wrong here
  if (by === "peer" || code === ERROR.noError) return new ProxyError("client_gone", reason);
  return error ?? faultOfFrames(code, reason);
}

/**
 * What a stream is reset with. To a client of gRPC whose answer has begun it is all that tells it of a
 * limit ("HTTP2 Transport Mapping" of gRPC: ENHANCE_YOUR_CALM is RESOURCE_EXHAUSTED).
 */
function resetCode({ code, source }: ProxyError, request: IncomingRequest): number {
  if (code === "body_too_large" && isGrpc(request)) return ERROR.enhanceYourCalm;
  return source === "client" ? ERROR.cancel : ERROR.internalError;
}
