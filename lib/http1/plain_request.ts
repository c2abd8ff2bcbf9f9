import { ROLE } from "../http/field_name.ts";
import { HOST } from "../http/grammar.ts";
import { type Forwarding, NO_BODY, type RequestChanges, UNKNOWN_LENGTH } from "../http/message.ts";
import { isRequestId } from "../http/request_id.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { RoomyBuffer } from "../io/roomy_buffer.ts";
import { AddedLines } from "./added_lines.ts";
import { cutLines, type CutRoles } from "./cut_lines.ts";
import { isSame, isText, isWord, plainNumber, textOf } from "./head_bytes.ts";
import { HeadLines, type Reading } from "./head_lines.ts";
import { PlainChanges } from "./plain_changes.ts";
import { RequestLine } from "./request_line.ts";

/**
 * A request's head that is read, judged and rewritten in the buffer it was read into. Nearly every
 * head is plain enough for that. Where one is not, or is not plainly right, this says so and changes
 * nothing: `TextRequest` is for those, and what is plain means the same to both.
 */
export class PlainRequest {
  readonly line = new RequestLine();
  readonly lines = new HeadLines();
  authority = "";
  /** Bytes of the body, or `NO_BODY` or `UNKNOWN_LENGTH`. */
  body = NO_BODY;
  keepsAlive = true;
  expectsContinue = false;
  /** The id that it came with. */
  givenId: string | undefined;
  #lineRead = false;
  /** The bytes of the last authority: the next is most often the same. */
  #host: Uint8Array = NO_BYTES;
  #hostLength = -1;
  readonly #added = new AddedLines();
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
  read(buffer: RoomyBuffer, filled: number, maxFields: number): Reading {
    const { line, lines } = this;
    if (!this.#lineRead) {
      const reading = line.read(buffer.bytes, filled);
      if (reading !== "whole") return reading;
      this.#lineRead = true;
      lines.begin(line.end);
    }
    const reading = lines.read(buffer, filled, maxFields);
    return reading === "whole" && !this.#judge(buffer.bytes) ? "odd" : reading;
  }

  /**
   * Makes of the head, where it lies, what a server gets: lines that go no further are closed over,
   * and lines of ours stand behind the request line, in the room before the head. The marks of
   * `lines` are of no use then.
   *
   * @param idNumber of the id that is told where the client has told none
   * @returns whether it could: what a trusted peer says is for the slow way, as is what lacks room,
   *   and rules for fields that are written here
   */
  rewrite(
    bytes: Uint8Array,
    forwarding: Forwarding,
    { idNumber, changes }: { idNumber: number; changes: RequestChanges | undefined },
  ): boolean {
    const { line, lines } = this;
    if (forwarding.trusted && (lines.roles & BELIEVED) !== 0) return false;
    if (forwarding.via && (lines.roles & ROLE.via) !== 0) return false;
    if (!this.#changes.use(changes, changes?.host)) return false;
    const { lines: { length } } = this.#changes;
    const added = this.#added;
    added.make(forwarding, this.authority, line.minor);
    const told = this.givenId === undefined ? idNumber : 0;
    const size = added.size(told) + length;
    const path = changes?.path;
    if (size + (path?.length ?? 0) > line.start) return false;
    const cut = cutLines(bytes, lines, changes?.host === undefined ? REQUEST_CUT : CUT_WITH_HOST);
    const start = this.#changes.remove(bytes, cut, lines.end);
    if (path === undefined) line.move(bytes, start - size - line.end);
    else line.write(bytes, start - size, path);
    added.put(bytes, start - length, told);
    this.#changes.append(bytes, start, lines.end);
    lines.start = start - length;
    lines.end -= length;
    return true;
  }

  /** @returns whether it is plainly right */
  #judge(bytes: Uint8Array): boolean {
    const { line, lines } = this;
    if (bytes[line.targetStart] !== SLASH || isNeverPlain(line.method)) return false;
    if ((lines.roles & ODD_ROLES) !== 0) return false;
    this.body = NO_BODY;
    this.keepsAlive = line.minor === 1;
    this.expectsContinue = false;
    this.givenId = undefined;
    let met = 0;
    for (let mark = 0; mark < lines.marks; mark++) {
      const role = lines.role(mark) & SINGLE_ROLES;
      if ((role & met) !== 0) return false;
      met |= role;
      if (role !== 0 && !this.#judgeLine(bytes, role, mark)) return false;
    }
    return (met & ROLE.host) !== 0 && (met & FRAMING_ROLES) !== FRAMING_ROLES;
  }

  #judgeLine(bytes: Uint8Array, role: number, mark: number): boolean {
    const from = this.lines.valueStart(mark);
    const to = this.lines.valueEnd(mark);
    const isOld = this.line.minor === 0;
    switch (role) {
      case ROLE.host:
        return this.#judgeHost(bytes, from, to);
      case ROLE.connection:
        this.keepsAlive = isWord(bytes, from, to, "keep-alive");
        return this.keepsAlive || isWord(bytes, from, to, "close");
      case ROLE.contentLength:
        this.body = plainNumber(bytes, from, to);
        return this.body >= 0;
      case ROLE.transferEncoding:
        this.body = UNKNOWN_LENGTH;
        return !isOld && isText(bytes, from, to, "chunked");
      case ROLE.expect:
        this.expectsContinue = true;
        return !isOld && isWord(bytes, from, to, "100-continue");
      case ROLE.requestId:
        this.givenId = textOf(bytes, from, to);
        return isRequestId(this.givenId);
      default:
        return false;
    }
  }

  #judgeHost(bytes: Uint8Array, from: number, to: number): boolean {
    const length = to - from;
    if (length === this.#hostLength && isSame(bytes, from, this.#host, length)) return true;
    const host = textOf(bytes, from, to);
    // an empty port is written away
    if (!HOST.test(host) || host.endsWith(":")) return false;
    if (length > this.#host.length) this.#host = new Uint8Array(length);
    this.#host.set(bytes.subarray(from, to));
    this.#hostLength = length;
    this.authority = host;
    return true;
  }
}

/** Those whose lines are judged, and of which a plain head has one at most. */
const SINGLE_ROLES = ROLE.host | ROLE.connection | ROLE.contentLength | ROLE.transferEncoding |
  ROLE.expect | ROLE.requestId;
const FRAMING_ROLES = ROLE.contentLength | ROLE.transferEncoding;
/** Those that ask for something of the next hop, and what counts hops. */
const ODD_ROLES = ROLE.te | ROLE.upgrade | ROLE.maxForwards;
const BELIEVED = ROLE.forwarded | ROLE.claim;

/** What of a plain request goes no further. */
const REQUEST_CUT: CutRoles = {
  any: ROLE.hopByHop | BELIEVED,
  but: FRAMING_ROLES,
};

const CUT_WITH_HOST: CutRoles = { ...REQUEST_CUT, any: REQUEST_CUT.any | ROLE.host };

function isNeverPlain(method: string): boolean {
  return method === "CONNECT" || method === "TRACE";
}

const SLASH = 0x2f;
const CRLF_BYTES = 2;
