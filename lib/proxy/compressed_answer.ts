import { asProxyError } from "../core/errors.ts";
import type { ContentCoding } from "../http/accept_encoding.ts";
import { MIN_COMPRESSED_BYTES } from "../http/compression.ts";
import type { Field } from "../http/field.ts";
import { UNKNOWN_LENGTH } from "../http/message.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { AnswerTransform, CodedFacts, TransformUser } from "./answer_transform.ts";
import { type ContentEncoder, type EncoderUser, encodeWhole } from "./content_encoder.ts";
import type { ClientStream } from "./streams.ts";

/** Milliseconds that bytes wait at the most for others to be encoded with. */
const FLUSH_MS = 10;

export interface CompressedAnswerOptions {
  readonly client: ClientStream;
  readonly user: TransformUser;
  readonly coding: ContentCoding;
  /** Bytes of the server's body, or `UNKNOWN_LENGTH`. */
  readonly body: number;
  /** Begins the answer as it came. */
  readonly beginPlain: () => void;
  /** Begins the other one. @param size bytes of its body, or `UNKNOWN_LENGTH` */
  readonly beginCoded: (size: number) => void;
  /** Undefined where there are too many. */
  readonly encoder: (user: EncoderUser) => ContentEncoder | undefined;
}

/**
 * Compresses one body between server and client. What comes at once and whole is encoded at once, and
 * has its length said; a short one stays as it is. Else the server's next range is asked for when the
 * client has what was made of the last, and what has come goes on within `FLUSH_MS`, so that events
 * and slow pages arrive.
 */
export class CompressedAnswer implements AnswerTransform, EncoderUser {
  readonly #options: CompressedAnswerOptions;
  #mode: "first" | "plain" | "coded" = "first";
  #encoder: ContentEncoder | undefined;
  /** Whether a piece is with the encoder or with the client: the next one waits then. */
  #isBusy = false;
  #waiting: { readonly piece: Uint8Array; readonly ended: boolean } | undefined;
  /** Whether the server has given what it has not been told to be done with. */
  #owes = false;
  /** Whether the answer's head is yet to go, with what is encoded first. */
  #isHeadDue = false;
  #ended = false;
  #trailers: readonly Field[] | undefined;
  /** Whether the encoder may have kept something back, and when it last could not. */
  #isUnflushed = false;
  #flushedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(options: CompressedAnswerOptions) {
    this.#options = options;
  }

  get coded(): CodedFacts | undefined {
    if (this.#mode !== "coded") return undefined;
    const { coding } = this.#options;
    return { coding, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut };
  }

  // What the server gives.

  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#owes = true;
    if (this.#mode === "first") this.#begin(to - from, ended);
    if (this.#mode === "plain") return this.#options.client.body(bytes, from, to, ended);
    this.#bytesIn += to - from;
    if (this.#isHeadDue && ended) return this.#sendWhole(bytes.subarray(from, to));
    if (this.#isHeadDue && from === to) return this.#send(NO_BYTES);
    this.#take(bytes.subarray(from, to), ended);
  }

  trailers(fields: readonly Field[]): void {
    this.#owes = true;
    if (this.#mode === "plain") return this.#options.client.trailers(fields);
    this.#trailers = fields;
    this.#take(NO_BYTES, true);
  }

  /** Decides by the first range what is done. @param size bytes of it */
  #begin(size: number, ended: boolean): void {
    const { body, encoder, beginPlain } = this.#options;
    const isShort = ended && body === UNKNOWN_LENGTH && size < MIN_COMPRESSED_BYTES;
    const isWhole = ended && !isShort;
    this.#encoder = isShort || isWhole ? undefined : encoder(this);
    this.#isHeadDue = isWhole || this.#encoder !== undefined;
    this.#mode = this.#isHeadDue ? "coded" : "plain";
    if (!this.#isHeadDue) beginPlain();
  }

  #sendWhole(piece: Uint8Array): void {
    const { coding, client, beginCoded } = this.#options;
    const encoded = encodeWhole(coding, piece);
    this.#isHeadDue = false;
    this.#isBusy = true;
    this.#ended = true;
    this.#bytesOut = encoded.length;
    beginCoded(encoded.length);
    client.body(encoded, 0, encoded.length, true);
  }

  #take(piece: Uint8Array, ended: boolean): void {
    if (this.#isBusy) this.#waiting = { piece, ended };
    else this.#encode(piece, ended);
  }

  #encode(piece: Uint8Array, ended: boolean): void {
    clearTimeout(this.#timer);
    this.#isBusy = true;
    this.#ended = ended;
    const now = performance.now();
    const flushes = now - this.#flushedAt >= FLUSH_MS;
    if (flushes) this.#flushedAt = now;
    this.#isUnflushed = !flushes && !ended;
    this.#encoder?.encode(piece, ended ? "end" : flushes ? "flush" : "more");
  }

  readonly #onFlushDue = (): void => this.#try(() => this.#encode(NO_BYTES, false));

  // What the encoder makes of it.

  encoded(bytes: Uint8Array): void {
    this.#try(() => {
      if (bytes.length > 0 || this.#isHeadDue || this.#ended) return this.#send(bytes);
      this.#isBusy = false;
      this.#goOn();
    });
  }

  encoderFailed(error: Error): void {
    this.#options.user.transformFailed(asProxyError(error, "internal"));
  }

  /** What goes wrong in what nobody has called ends this answer, and nothing else. */
  #try(play: () => void): void {
    try {
      play();
    } catch (error) {
      this.#options.user.transformFailed(asProxyError(error, "internal"));
    }
  }

  #send(bytes: Uint8Array): void {
    const { client, beginCoded } = this.#options;
    this.#isBusy = true;
    this.#bytesOut += bytes.length;
    if (this.#isHeadDue) beginCoded(UNKNOWN_LENGTH);
    this.#isHeadDue = false;
    client.body(bytes, 0, bytes.length, this.#ended && this.#trailers === undefined);
  }

  // What the client does with that.

  taken(): void {
    this.#isBusy = false;
    this.#goOn();
  }

  #goOn(): void {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      return this.#encode(waiting.piece, waiting.ended);
    }
    const trailers = this.#ended ? this.#trailers : undefined;
    if (trailers !== undefined) {
      this.#trailers = undefined;
      this.#isBusy = true;
      return this.#options.client.trailers(trailers);
    }
    if (this.#isUnflushed) this.#timer = setTimeout(this.#onFlushDue, FLUSH_MS);
    if (!this.#owes) return;
    this.#owes = false;
    this.#options.user.passed();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#encoder?.[Symbol.dispose]();
  }
}
