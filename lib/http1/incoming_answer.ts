import { hasRole, valuesOf } from "../http/field.ts";
import {
  type AnswerFacts,
  type AnswerTerms,
  type FieldChanges,
  NO_BODY,
  type PutField,
  type Range,
} from "../http/message.ts";
import type { HttpVersion } from "../http/via.ts";
import { RoomyBuffer } from "../io/roomy_buffer.ts";
import { bodyOf } from "./framing.ts";
import type { Asked } from "./judge_answer.ts";
import { keepsAlive } from "./persistence.ts";
import { PlainAnswer } from "./plain_answer.ts";
import { RenderedHead } from "./rendered_head.ts";
import type { HeadLimits } from "../http/limits.ts";
import { TextAnswer } from "./text_answer.ts";
import { valuesAmong } from "./values_among.ts";

/**
 * The answer whose head comes in on a server's connection, and what it says (RFC 9112); like
 * `IncomingRequest`. Interim answers are answers of their own.
 */
export class IncomingAnswer implements AnswerFacts {
  status = 0;
  body = NO_BODY;
  /** Whether the body comes in chunks; else, where its length is unknown, the end ends it. */
  isChunked = false;
  /** Whether the server's connection can take another request, as far as it says. */
  goesOn = true;
  /** Where the head ends in the buffer. */
  end = 0;
  #limits: HeadLimits = NO_LIMITS;
  #asked: Asked = NOTHING_ASKED;
  readonly #plain = new PlainAnswer();
  #text: TextAnswer | undefined;
  #buffer: RoomyBuffer = NO_BUFFER;
  #start = 0;
  /** How far the buffer was filled when it was last read. */
  #filled = 0;
  /** What a client gets, once it was asked for; one object for all answers. */
  readonly #sent = new RenderedHead();
  readonly #clock: () => number;

  /** @param clock tells milliseconds since 1970, for answers that do not say when they were made */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  /**
   * Begins with an answer.
   *
   * @param at where it stands in the buffer; so many bytes before it are over
   * @param asked what it answers
   */
  begin(at: number, asked: Asked, limits: HeadLimits): void {
    this.#limits = limits;
    this.#asked = asked;
    this.#start = at;
    this.#filled = at;
    this.#text = undefined;
    this.#sent.forget();
    this.#plain.begin(at);
  }

  /**
   * Reads on.
   *
   * @param buffer which may be another, larger one that holds the same bytes in the same place
   * @param filled how far it is filled
   * @returns whether the head is whole
   * @throws {ProxyError} `bad_response`; there is nothing more to be read then
   */
  read(buffer: RoomyBuffer, filled: number): boolean {
    this.#buffer = buffer;
    this.#filled = filled;
    if (this.#text === undefined) {
      const { headerBytes, headers } = this.#limits;
      const plain = this.#plain;
      const { method } = this.#asked;
      const reading = plain.read(buffer, filled, { method, maxFields: headers });
      const size = (reading === "whole" ? plain.end : filled) - this.#start;
      if (size <= headerBytes && reading === "more") return false;
      if (size <= headerBytes && reading === "whole") {
        this.#takePlain();
        return true;
      }
      this.#text = new TextAnswer(this.#limits);
    }
    const size = this.#text.read(buffer.bytes.subarray(this.#start, filled), this.#asked);
    if (size === undefined) return false;
    this.#takeText(this.#text, size);
    return true;
  }

  get version(): HttpVersion {
    return `1.${this.#text?.facts.head.minor ?? this.#plain.line.minor}`;
  }

  /** Whether a head has begun and not ended. */
  get isInside(): boolean {
    return this.#filled > this.#start;
  }

  has(role: number): boolean {
    if (this.#text !== undefined) return hasRole(this.#text.facts.head.fields, role);
    return (this.#plain.lines.roles & role) !== 0;
  }

  /** Lines that do not go on are not found any more behind `toHttp1`. */
  values(name: string): readonly string[] {
    if (this.#text !== undefined) return valuesOf(this.#text.facts.head.fields, name);
    const { start, end } = this.#plain.lines;
    return valuesAmong(this.#buffer.bytes, { from: start, to: end }, name);
  }

  /**
   * Makes room for so many bytes between the head and what follows it: for the frame of a chunk. To
   * be called before `toHttp1`.
   */
  makeRoom(bytes: number): void {
    if (this.#text === undefined) this.#plain.moveLeft(this.#buffer.bytes, bytes);
    this.#start -= bytes;
    this.end -= bytes;
  }

  toHttp1(terms: AnswerTerms): Range {
    const sent = this.#sent;
    if (sent.isDone) return sent;
    const { bytes } = this.#buffer;
    const isRewritten = this.#text === undefined &&
      this.#plain.rewrite(bytes, terms, this.#clock);
    if (isRewritten) sent.set(bytes, this.#plain.line.start, this.end);
    else sent.put(this.#asText().toHttp1(terms, this.#clock()), bytes, this.end);
    return sent;
  }

  each(put: PutField, changes: FieldChanges | undefined): void {
    const isPlain = changes === undefined && this.#text === undefined && !this.#sent.isDone;
    if (isPlain) return this.#plain.each(this.#buffer.bytes, put, this.#clock());
    const { method } = this.#asked;
    this.#asText().each(put, { method, changes, now: this.#clock() });
  }

  #takePlain(): void {
    const { line, body, isChunked, goesOn, end } = this.#plain;
    this.status = line.status;
    this.body = body;
    this.isChunked = isChunked;
    this.goesOn = goesOn;
    this.end = end;
  }

  #takeText({ facts: { head, framing } }: TextAnswer, size: number): void {
    this.status = head.status;
    this.body = bodyOf(framing);
    this.isChunked = framing.kind === "chunked";
    this.goesOn = framing.kind !== "until_close" && keepsAlive(head);
    this.end = this.#start + size;
  }

  /** The head as text, which a plain one becomes where more is to be done to it. */
  #asText(): TextAnswer {
    if (this.#text !== undefined) return this.#text;
    const text = new TextAnswer(this.#limits);
    text.read(this.#buffer.bytes.subarray(this.#start, this.end), this.#asked);
    return this.#text = text;
  }
}

const NO_BUFFER = new RoomyBuffer(0);
const NO_LIMITS: HeadLimits = { headerBytes: 0, headers: 0 };
const NOTHING_ASKED: Asked = { method: "GET" };
