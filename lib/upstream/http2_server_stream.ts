import { asAuthority } from "../core/authority.ts";
import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { logsIn } from "../http/connection_login.ts";
import type { Field } from "../http/field.ts";
import { endToEndTrailers } from "../http/hop_fields.ts";
import type { RequestFacts } from "../http/message.ts";
import type { StreamReset } from "../http2/connection.ts";
import type { DialedConnection, SentRequest } from "../http2/dialed_connection.ts";
import { IncomingAnswer } from "../http2/incoming_answer.ts";
import type { Http2ResponseHead } from "../http2/response_head.ts";
import type { Stream } from "../http2/stream.ts";
import { ERROR } from "../http2/wire.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { Inbox } from "../io/inbox.ts";
import { Http2Tunnel } from "./http2_tunnel.ts";
import type { AnswerReader, OpaqueEnd, Seen, Sending, ServerStream } from "./server_stream.ts";
import { acceptOf, asksWebSocket, NO_EXTENDED_CONNECT } from "./websocket.ts";

/** The connection that a stream is on. */
export interface StreamCarrier {
  readonly protocol: DialedConnection<Http2ServerStream>;
  /** That of the URIs of its requests. */
  readonly scheme: "https" | "http";
  /** Whether a request that the server wants by HTTP/1.1 can be sent so. */
  readonly mayGoByHttp1: boolean;
  /** Requests that were answered. */
  served: number;
  /** Whether it takes no more requests. */
  readonly isGone: boolean;
  /** Bytes that the server has sent. */
  readonly bytesRead: number;
  /** Takes no more requests, and ends once nothing runs on it. */
  retire(): void;
  /** Nothing was heard of the server since a request was sent, which was given up. */
  doubt(): void;
  /** Sends a request's head. */
  open(owner: Http2ServerStream, request: SentRequest, ended: boolean): Stream<Http2ServerStream>;
  /** The stream is not needed. */
  unreserve(): void;
  /** The stream has something for its reader, once all that has come is read. */
  ready(stream: Http2ServerStream): void;
}

/** Heads that wait to be told at the most: a server may give interim ones faster than they go on. */
const MAX_HEADS = 100;

/** One request on a connection by HTTP/2, and its answer. */
export class Http2ServerStream implements ServerStream {
  readonly takesChunks = false;
  readonly givesChunks = false;
  readonly reused: boolean;
  readonly #connection: StreamCarrier;
  readonly #inbox = new Inbox();
  #stream: Stream<Http2ServerStream> | undefined;
  #request: RequestFacts | undefined;
  /** The head that was put up, until the body's first range goes with it. */
  #head: SentRequest | undefined;
  #reader: AnswerReader | undefined;
  /** What the server had sent when the request went. */
  #readBefore = 0;
  /** Whether what is being sent is awaited. */
  #isSending = false;
  #requestEnded = false;
  /** Heads that came and were not told; all but the last are interim ones. */
  readonly #heads: { head: Http2ResponseHead; ended: boolean }[] = [];
  #state: "head" | "body" | "ended" | "over" = "head";
  /** Whether the reader has what it was given last. */
  #isWaiting = false;
  /** Whether a first range of the body was given. */
  #wasGiven = false;
  #givenBytes = 0;
  /** What the answer broke off by while the reader had what it was given last. */
  #broken: { readonly code: ErrorCode; readonly reason: string } | undefined;
  /** Whether the server has ended its answer. */
  #ended = false;
  #trailers: readonly Field[] | undefined;
  /** Whether an extended CONNECT was sent (RFC 8441). */
  #asksTunnel = false;
  #tunnel: Http2Tunnel<Http2ServerStream> | undefined;
  /** Why the server takes no more, where it has ended its side and then the stream. */
  #parted: ProxyError | undefined;

  constructor(connection: StreamCarrier) {
    this.#connection = connection;
    this.reused = connection.served > 0;
  }

  get takesWebSockets(): boolean {
    return this.#connection.protocol.allowsExtendedConnect;
  }

  // What its exchange does.

  send(request: RequestFacts, { forwarding, changes }: Sending, reader: AnswerReader): void {
    this.#request = request;
    this.#reader = reader;
    // whatever the server makes of it, the next client is not to be on it
    if (logsIn(request)) this.#connection.retire();
    this.#asksTunnel = asksWebSocket(request);
    this.#head = {
      method: this.#asksTunnel ? "CONNECT" : request.method,
      scheme: this.#connection.scheme,
      authority: changes?.host ?? request.authority ?? asAuthority(forwarding.defaultHost),
      path: changes?.path ?? request.path,
      protocol: this.#asksTunnel ? "websocket" : undefined,
      fields: (put) =>
        request.each(
          (name, value, isSecret) => {
            if (!this.#asksTunnel || name !== "sec-websocket-key") put(name, value, isSecret);
          },
          forwarding,
          changes,
        ),
    };
  }

  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    if (this.#state === "over") return;
    // what goes through a tunnel is no body
    const endsNow = ended && !this.#asksTunnel;
    this.#requestEnded = endsNow;
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined) {
      if (this.#connection.isGone) {
        return this.#fail("upstream_gone", "The server takes no more requests", "no");
      }
      if (this.#asksTunnel && !this.takesWebSockets) {
        return this.#fail("websocket_unsupported", NO_EXTENDED_CONNECT, "no");
      }
      this.#readBefore = this.#connection.bytesRead;
      this.#stream = this.#connection.open(this, head, endsNow && from === to);
      if (from === to) return this.#reader?.sent();
    }
    const stream = this.#stream;
    if (stream === undefined) return;
    const taken = this.#connection.protocol.sendData(stream, bytes, from, to, endsNow);
    if (taken) this.#reader?.sent();
    else this.#isSending = true;
  }

  trailers(fields: readonly Field[]): void {
    if (this.#stream === undefined) return;
    this.#requestEnded = true;
    this.#connection.protocol.sendTrailers(this.#stream, endToEndTrailers(fields));
    this.#reader?.sent();
  }

  resume(): void {
    this.#inbox.free();
    if (this.#stream !== undefined) {
      this.#connection.protocol.consumed(this.#stream, this.#givenBytes);
    }
    this.#givenBytes = 0;
    this.#isWaiting = false;
    const broken = this.#broken;
    if (broken === undefined) this.proceed();
    else this.#fail(broken.code, broken.reason, "yes");
  }

  tunnel(): OpaqueEnd {
    const stream = this.#stream as Stream<Http2ServerStream>;
    const tunnel = this.#tunnel = new Http2Tunnel(this.#connection.protocol, stream);
    for (let range = this.#inbox.take(); range !== undefined; range = this.#inbox.take()) {
      tunnel.received(range.bytes, range.from, range.to, false);
      this.#inbox.free();
    }
    if (this.#ended) tunnel.received(NO_BYTES, 0, 0, true);
    if (this.#parted !== undefined) tunnel.parted(this.#parted);
    return tunnel;
  }

  release(): void {
    if (this.#state === "ended") this.#connection.served++;
    // a server that has answered early need not get the rest
    this.#over(this.#requestEnded ? ERROR.noError : ERROR.cancel);
  }

  /**
   * A server that knows its clients by the connection knows all by one that they share: nobody gets
   * it any more. Such logins are not for HTTP/2, whose servers ask for HTTP/1.1 instead.
   */
  retain(): boolean {
    this.#connection.retire();
    this.release();
    return false;
  }

  abort(): void {
    const isSilent = this.#stream !== undefined && this.#connection.bytesRead === this.#readBefore;
    this.#over(ERROR.cancel);
    if (isSilent) this.#connection.doubt();
  }

  // What its connection does.

  answered(head: Http2ResponseHead, ended: boolean): void {
    if (this.#heads.length === MAX_HEADS) {
      return this.#fail("bad_response", TOO_MANY_HEADS, "yes");
    }
    this.#heads.push({ head, ended });
    this.#ended = ended;
    this.#connection.ready(this);
  }

  received(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#ended = ended;
    if (this.#tunnel !== undefined) return this.#tunnel.received(bytes, from, to, ended);
    this.#inbox.put(bytes, from, to);
    this.#connection.ready(this);
  }

  receivedTrailers(fields: readonly Field[]): void {
    this.#ended = true;
    if (this.#tunnel !== undefined) return this.#tunnel.received(NO_BYTES, 0, 0, true);
    this.#trailers = fields;
    this.#connection.ready(this);
  }

  taken(): void {
    if (this.#tunnel !== undefined) return this.#tunnel.sent();
    if (!this.#isSending) return;
    this.#isSending = false;
    this.#reader?.sent();
  }

  failed({ by, code, untouched, reason, error }: StreamReset): void {
    // who has answered need not hear the rest of the request (RFC 9113, section 8.1), and whatever is
    // wrong with what comes behind the answer, that is whole
    if (this.#ended) {
      this.#requestEnded = true;
      this.#parted = new ProxyError("upstream_gone", reason);
      this.#tunnel?.parted(this.#parted);
      return;
    }
    // a limit says more than that the answer is not whole
    const limit = error !== undefined && isOfLimit(error) ? error.code : undefined;
    if (this.#state === "body") return this.#breakOff(limit ?? "truncated_response", reason);
    if (limit !== undefined) return this.#fail(limit, reason, "yes");
    if (code === ERROR.http11Required) {
      const seen = this.#connection.mayGoByHttp1 ? "no" : "yes";
      return this.#fail("http1_required", WANTS_HTTP1, seen);
    }
    const isFault = by === "us" && code !== ERROR.cancel;
    const isSilent = code === ERROR.cancel && this.reused &&
      this.#connection.bytesRead === this.#readBefore;
    const seen: Seen = untouched ? "no" : isSilent ? "perhaps" : "yes";
    this.#fail(isFault ? "bad_response" : "upstream_gone", reason, seen);
  }

  /** All that has come is read: what waits for that is told. */
  proceed(): void {
    if (this.#isWaiting || this.#reader === undefined) return;
    if (this.#state === "head") this.#tellHead(this.#reader);
    else if (this.#state === "body" && (!this.#inbox.isEmpty || this.#ended)) {
      this.#giveBody(this.#reader);
    }
  }

  #tellHead(reader: AnswerReader): void {
    const next = this.#heads.shift();
    if (next === undefined) return;
    const request = this.#request as RequestFacts;
    const { method } = request;
    const { head } = next;
    if (head.status < 200) {
      this.#isWaiting = true;
      this.#connection.protocol.passedOn();
      return reader.answer(new IncomingAnswer(head, { method, ended: false }));
    }
    const ended = next.ended ||
      (this.#ended && this.#inbox.isEmpty && this.#trailers === undefined);
    if (this.#asksTunnel && head.status < 300) {
      this.#isWaiting = true;
      // in HTTP/2 it says nothing, and a client by HTTP/1.1 takes one that proves its own key
      const fields = head.fields.filter(({ key }) => key !== "sec-websocket-accept");
      const switched = { status: 101, fields, length: undefined };
      const [key] = request.values("sec-websocket-key");
      return reader.answer(
        new IncomingAnswer(switched, { method, ended: false, accept: key && acceptOf(key) }),
      );
    }
    this.#state = "body";
    reader.answer(new IncomingAnswer(head, { method, ended }));
    this.#giveBody(reader);
  }

  #giveBody(reader: AnswerReader): void {
    if (this.#state !== "body") return;
    const range = this.#inbox.take();
    const isLast = this.#ended && this.#inbox.isEmpty;
    const trailers = this.#trailers;
    this.#isWaiting = true;
    if (isLast && range === undefined && trailers !== undefined && this.#wasGiven) {
      this.#state = "ended";
      return reader.answerTrailers(trailers);
    }
    this.#wasGiven = true;
    const ended = isLast && trailers === undefined;
    if (ended) this.#state = "ended";
    this.#givenBytes = range === undefined ? 0 : range.to - range.from;
    if (range === undefined) reader.answerBody(NO_BYTES, 0, 0, ended);
    else reader.answerBody(range.bytes, range.from, range.to, ended);
  }

  /** An answer that has begun breaks off: behind what was given of it, as by HTTP/1.1. */
  #breakOff(code: ErrorCode, reason: string): void {
    if (this.#isWaiting) this.#broken = { code, reason };
    else this.#fail(code, reason, "yes");
  }

  #fail(code: ErrorCode, reason: string, seen: Seen): void {
    const reader = this.#reader;
    const error = new ProxyError(code, reason);
    this.#tunnel?.failed(error);
    const wasTunnel = this.#tunnel !== undefined;
    this.#over(ERROR.cancel);
    if (!wasTunnel) reader?.serverFailed(error, seen);
  }

  #over(code: number): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#reader = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) this.#connection.unreserve();
    else this.#connection.protocol.reset(stream, code);
    this.#inbox.clear();
  }
}

const TOO_MANY_HEADS = "The server gives interim answers faster than its client takes them";

/** RFC 9113, section 7: such as for a login that is tied to a connection. */
const WANTS_HTTP1 = "The server wants this request by HTTP/1.1 (HTTP_1_1_REQUIRED)";

function isOfLimit({ code }: ProxyError): boolean {
  return code === "answer_too_large" || code === "answer_has_too_many_fields";
}
