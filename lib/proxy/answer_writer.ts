import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Connection, Sender } from "../io/connection.ts";
import type { Field } from "../http/field.ts";
import {
  type AnswerFacts,
  type AnswerTerms,
  type FieldChanges,
  type Range,
  UNKNOWN_LENGTH,
} from "../http/message.ts";
import { framed, joined, lastChunk } from "../http1/outgoing.ts";

/** Who has answers written. */
export interface AnswerWriterUser {
  /** What was to be written last is. */
  written(): void;
  writeFailed(error: Error): void;
}

/** Writes answers to a client by HTTP/1, a piece at a time. */
export class AnswerWriter implements Sender {
  readonly #connection: Connection;
  readonly #user: AnswerWriterUser;
  /** One object for all answers. */
  readonly #terms: { -readonly [key in keyof AnswerTerms]: AnswerTerms[key] } = {
    method: "",
    minor: 1,
    keepAlive: false,
    via: false,
    changes: undefined,
  };
  #head: Range | undefined;
  /** Whether plain bytes of the body have to be framed here. */
  #frames = false;
  #writing = false;
  /** What is to be written once what is being written is, in turn. */
  readonly #waiting: Uint8Array[] = [];

  constructor(connection: Connection, user: AnswerWriterUser) {
    this.#connection = connection;
    this.#user = user;
  }

  /** Whether something is on its way to the client. */
  get isWriting(): boolean {
    return this.#writing;
  }

  /** What the next head depends on. */
  setTerms(
    { method, minor, keepAlive, via }: Omit<AnswerTerms, "changes">,
    changes: FieldChanges | undefined,
  ): void {
    const terms = this.#terms;
    terms.method = method;
    terms.minor = minor;
    terms.keepAlive = keepAlive;
    terms.via = via;
    terms.changes = changes;
  }

  /** Puts up a head, that goes with the first range of the body. */
  begin(answer: AnswerFacts, chunks: boolean): void {
    this.#head = answer.toHttp1(this.#terms);
    this.#frames = answer.body === UNKNOWN_LENGTH && this.#terms.minor === 1 && !chunks;
  }

  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    const head = this.#head;
    this.#head = undefined;
    this.write(
      this.#frames ? framed(head, { bytes, from, to }, ended) : joined(head, bytes, from, to),
    );
  }

  trailers(fields: readonly Field[]): void {
    this.write(this.#frames ? lastChunk(fields) : NO_BYTES);
  }

  /** A head that stands alone. */
  headAlone(answer: AnswerFacts): Uint8Array {
    const { bytes, from, to } = answer.toHttp1(this.#terms);
    return bytes.subarray(from, to);
  }

  write(bytes: Uint8Array): void {
    // an answer of the proxy's own may follow an interim one that is on its way
    if (this.#writing) return void this.#waiting.push(bytes);
    if (bytes.length === 0) return this.#user.written();
    this.#writing = true;
    this.#connection.send(bytes, this);
  }

  sent(): void {
    this.#writing = false;
    const next = this.#waiting.length === 0 ? undefined : this.#waiting.shift();
    if (next !== undefined) this.write(next);
    else this.#user.written();
  }

  sendFailed(error: Error): void {
    this.#writing = false;
    this.#waiting.length = 0;
    this.#user.writeFailed(error);
  }
}
