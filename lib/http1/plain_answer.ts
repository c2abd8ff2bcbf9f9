import { dateField } from "../http/date.ts";
import { ROLE } from "../http/field_name.ts";
import { type AnswerTerms, NO_BODY, type PutField, UNKNOWN_LENGTH } from "../http/message.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { RoomyBuffer } from "../io/roomy_buffer.ts";
import { cutLines, type CutRoles } from "./cut_lines.ts";
import { ADD, answerLines, dateLine } from "./answer_lines.ts";
import { isText, isWord, moveBytes, plainNumber } from "./head_bytes.ts";
import { HeadLines, type Reading } from "./head_lines.ts";
import { PlainChanges } from "./plain_changes.ts";
import { putPlainFields } from "./put_plain_fields.ts";
import { StatusLine } from "./status_line.ts";

/**
 * An answer's head that is read, judged and rewritten in the buffer it was read into, like
 * `PlainRequest`.
 */
export class PlainAnswer {
  readonly line = new StatusLine();
  readonly lines = new HeadLines();
  /** Bytes of the body, or `NO_BODY` or `UNKNOWN_LENGTH`. */
  body = NO_BODY;
  /** Whether the body comes in chunks; else, where its length is unknown, the end ends it. */
  isChunked = false;
  /** Whether the server's connection can take another request. */
  goesOn = true;
  #lineRead = false;
  readonly #changes = new PlainChanges();

  begin(at: number): void {
    this.line.begin(at);
    this.#lineRead = false;
  }

  /** Behind the empty line. */
  get end(): number {
    return this.lines.end + CRLF_BYTES;
  }

  /** Reads on, and judges the head once it is whole. */
  read(
    buffer: RoomyBuffer,
    filled: number,
    { method, maxFields }: { method: string; maxFields: number },
  ): Reading {
    const { line, lines } = this;
    if (!this.#lineRead) {
      const reading = line.read(buffer.bytes, filled);
      if (reading !== "whole") return reading;
      this.#lineRead = true;
      lines.begin(line.end);
    }
    const reading = lines.read(buffer, filled, maxFields);
    return reading === "whole" && !this.#judge(buffer.bytes, method) ? "odd" : reading;
  }

  /**
   * Makes of the head, where it lies, what a client gets, like `PlainRequest.rewrite`.
   *
   * @param clock tells milliseconds since 1970, for one that does not say when it was made
   * @returns whether it could
   */
  rewrite(bytes: Uint8Array, terms: AnswerTerms, clock: () => number): boolean {
    const { line, lines } = this;
    if (terms.via && (lines.roles & ROLE.via) !== 0) return false;
    const changes = this.#changes;
    if (!changes.use(terms.changes)) return false;
    const added = answerLines(this.#added(terms));
    const isDated = line.status < 200 || (lines.roles & ROLE.date) !== 0;
    const date = isDated ? NO_BYTES : dateLine(clock());
    const size = added.length + changes.lines.length + date.length;
    if (size > line.start) return false;
    const cut = cutLines(bytes, lines, this.#cut(terms.minor));
    const start = changes.remove(bytes, cut, lines.end);
    line.move(bytes, start - size - line.end);
    // the date behind the others, and what a rule adds behind that, as the slow way has it
    moveBytes(bytes, start, lines.end, -date.length);
    bytes.set(date, lines.end - date.length);
    changes.append(bytes, start - date.length, lines.end);
    lines.start = start - date.length - changes.lines.length;
    lines.end -= changes.lines.length;
    bytes.set(added, line.end);
    return true;
  }

  /** The fields that a client gets by HTTP/2. @param now as `rewrite` */
  each(bytes: Uint8Array, put: PutField, now: number): void {
    const { line: { status }, lines: { start, end, roles } } = this;
    const tellsLength = status >= 200 && status !== 204;
    const cut = { left: ROLE.hopByHop, kept: tellsLength ? ROLE.contentLength : 0 };
    putPlainFields(bytes, { from: start, to: end, ...cut }, put);
    if (status >= 200 && (roles & ROLE.date) === 0) put("date", dateField(now).value);
  }

  /** Makes room behind the head, by moving it to the left. */
  moveLeft(bytes: Uint8Array, by: number): void {
    moveBytes(bytes, this.line.start, this.end, -by);
    this.line.moved(-by);
    this.lines.moved(-by);
  }

  #added({ minor, keepAlive, via }: AnswerTerms): number {
    // an interim answer says nothing of the connection, nor of a body
    if (this.line.status < 200) return 0;
    const isOpen = this.body === UNKNOWN_LENGTH;
    const goesOn = keepAlive && !(isOpen && minor === 0);
    let added = isOpen && !this.isChunked && minor === 1 ? ADD.chunked : 0;
    if (!goesOn) added |= ADD.close;
    else if (minor === 0) added |= ADD.keepAlive;
    return via ? added | ADD.via[this.line.minor] : added;
  }

  /** HTTP/1.0 is never told of a coding, and what has no body to tell of tells of none. */
  #cut(minor: 0 | 1): CutRoles {
    const { status } = this.line;
    if (status < 200 || status === 204) return CUT;
    return minor === 0 ? CUT_BUT_LENGTH : CUT_BUT_FRAMING;
  }

  /** @returns whether it is plainly right */
  #judge(bytes: Uint8Array, method: string): boolean {
    const { line: { status, minor }, lines } = this;
    if (ODD_STATUS.has(status) || (lines.roles & ODD_ROLES) !== 0) return false;
    this.body = UNKNOWN_LENGTH;
    this.isChunked = false;
    this.goesOn = minor === 1;
    let met = 0;
    for (let mark = 0; mark < lines.marks; mark++) {
      const role = lines.role(mark) & SINGLE_ROLES;
      if ((role & met) !== 0) return false;
      met |= role;
      if (role !== 0 && !this.#judgeLine(bytes, role, mark)) return false;
    }
    if ((met & FRAMING_ROLES) === FRAMING_ROLES) return false;
    if (method === "HEAD" || status < 200 || status === 204 || status === 304) {
      this.body = NO_BODY;
      this.isChunked = false;
    } else if ((met & FRAMING_ROLES) === 0) this.goesOn = false;
    return true;
  }

  #judgeLine(bytes: Uint8Array, role: number, mark: number): boolean {
    const from = this.lines.valueStart(mark);
    const to = this.lines.valueEnd(mark);
    switch (role) {
      case ROLE.connection:
        this.goesOn = isWord(bytes, from, to, "keep-alive");
        return this.goesOn || isWord(bytes, from, to, "close");
      case ROLE.contentLength:
        this.body = plainNumber(bytes, from, to);
        return this.body >= 0;
      case ROLE.transferEncoding:
        this.isChunked = true;
        return this.line.minor === 1 && isText(bytes, from, to, "chunked");
      default:
        return false;
    }
  }
}

/** Those whose lines are judged, and of which a plain head has one at most. */
const SINGLE_ROLES = ROLE.connection | ROLE.contentLength | ROLE.transferEncoding;
const FRAMING_ROLES = ROLE.contentLength | ROLE.transferEncoding;
/** Those that ask for something of the next hop. */
const ODD_ROLES = ROLE.te | ROLE.upgrade;
/** Those of which fields go on that are else of one hop. */
const ODD_STATUS: ReadonlySet<number> = new Set([101, 407, 426]);

const CUT: CutRoles = { any: ROLE.hopByHop, but: 0 };
const CUT_BUT_LENGTH: CutRoles = { any: ROLE.hopByHop, but: ROLE.contentLength };
const CUT_BUT_FRAMING: CutRoles = { any: ROLE.hopByHop, but: FRAMING_ROLES };

const CRLF_BYTES = 2;
