import type { ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import type { AnswerFacts, FieldChanges, RequestFacts } from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import type { OpaqueEnd } from "../upstream/server_stream.ts";
import type { Pins } from "../upstream/pins.ts";
import type { HttpClient } from "./http_client.ts";

/*
 * An exchange is between a `ClientStream` and a `ServerStream`, whose interface stands in
 * `lib/upstream/server_stream.ts`, where the connections to servers are. It knows neither framing
 * nor socket.
 */

/**
 * The client's side of one exchange: an HTTP/1 connection, which has one at a time, or one stream of
 * HTTP/2. It reads the request and renders the answer in its own framing; what becomes of its
 * connection, and the clocks on its client, are its own business. Ranges are as `ServerStream` has
 * them.
 */
export interface ClientStream {
  readonly client: HttpClient;
  readonly request: RequestFacts;
  /** Bytes of the request's body so far. */
  readonly bodyBytes: number;
  /**
   * Bytes of the request that have come, and bytes sent to the client since it began: heads, frames
   * and what goes through a tunnel included.
   */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Whether an answer of success would be taken for a switch of protocols, which was asked for. */
  readonly isForTunnel: boolean;
  /** Connections to servers that are this client's alone. */
  readonly pins: Pins;
  /** Whether it can take bodies of unknown length in chunks: see `ServerStream`. */
  readonly takesChunks: boolean;
  /** Whether it can give them so; not one that has begun as plain bytes. */
  readonly givesChunks: boolean;
  /**
   * Begins to give the request's body to `RequestReader.requestBody`: one range at once, which may
   * be empty. To be called only where there is a body.
   *
   * @param chunks whether it is to come in chunks
   */
  readBody(chunks: boolean): void;
  /**
   * The server is left for another: what comes of the body, of which no byte was given so far, is
   * kept until `readBody` is called again.
   */
  holdBody(): void;
  /**
   * The reader is done with the head and with the range of the body that it was given last; unless
   * that ended the body it takes more.
   */
  resume(): void;
  /** Passes an interim answer on; `RequestReader.taken` says that it is done. */
  inform(answer: AnswerFacts): void;
  /**
   * Puts up the answer's head. One `body` follows at once, which may be empty; both go together.
   *
   * @param chunks whether a body of unknown length comes in chunks
   */
  begin(answer: AnswerFacts, changes: FieldChanges | undefined, chunks: boolean): void;
  /**
   * Sends a range of the answer's body; `RequestReader.taken` says that it is done.
   *
   * @param ended whether it is the last
   */
  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void;
  /** Ends a body whose bytes were plain with trailers, instead of a last range. */
  trailers(fields: readonly Field[]): void;
  /**
   * Sends an answer of the proxy's own, whole; `RequestReader.taken` says that it is done.
   *
   * @param mayGoOn whether the connection may, as far as the answer goes
   */
  respond(answer: OwnAnswer, mayGoOn: boolean): void;
  /**
   * Whether a 101 proves that its server has read what was made here for the client, who cannot hold
   * it against that.
   */
  isProven(answer: AnswerFacts): boolean;
  /** Passes a 101 on, behind which nothing is HTTP any more. */
  tunnel(answer: AnswerFacts, changes: FieldChanges | undefined): Promise<OpaqueEnd>;
  /**
   * The answer was taken to its end, or the tunnel has ended: the next request may come.
   *
   * @param settled whether nothing of the request is with a server that may still be sent it
   */
  done(settled: boolean): void;
  /** Breaks the answer off so that it cannot be taken for a whole one. */
  reset(error: ProxyError): void;
}

/** Who gets to know what a client does while its request is served. */
export interface RequestReader {
  /** A range of the body; to be answered by `resume`. @param ended whether it is the last */
  requestBody(bytes: Uint8Array, from: number, to: number, ended: boolean): void;
  /** The body, whose bytes were plain, ends with trailers. */
  requestTrailers(fields: readonly Field[]): void;
  /** What was to be sent last is done with. */
  taken(): void;
  /** The request will never be whole, or nobody is there to take an answer. */
  clientFailed(error: ProxyError): void;
}
