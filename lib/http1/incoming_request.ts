import { ProxyError } from "../core/errors.ts";
import { hasRole, valuesOf } from "../http/field.ts";
import { CR, LF } from "../http/grammar.ts";
import {
  type Forwarding,
  NO_BODY,
  type PutField,
  type Range,
  type RequestChanges,
  type RequestFacts,
  type RequestHead,
} from "../http/message.ts";
import { idOf, nextIdNumber } from "../http/request_id.ts";
import { RoomyBuffer } from "../io/roomy_buffer.ts";
import { bodyOf } from "./framing.ts";
import { parseRequestHead } from "./head.ts";
import { textOf } from "./head_bytes.ts";
import { keepsAlive } from "./persistence.ts";
import { PlainRequest } from "./plain_request.ts";
import { RenderedHead } from "./rendered_head.ts";
import type { RequestLimits } from "../http/limits.ts";
import { putHttp2Fields, TextRequest } from "./text_request.ts";
import { valuesAmong } from "./values_among.ts";

/**
 * The request whose head comes in on a connection, and what it says (RFC 9112). One object serves
 * all requests of a connection, in turn. A head that is plain stays in the buffer that it was read
 * into, and is rewritten there for a server; any other becomes text. Which way one goes nobody can
 * tell from what this says.
 */
export class IncomingRequest implements RequestFacts {
  method = "";
  authority: string | undefined;
  version: "HTTP/1.0" | "HTTP/1.1" = "HTTP/1.1";
  body = NO_BODY;
  expectsContinue = false;
  upgrade: readonly string[] | undefined;
  /** Bytes of the head as it came. */
  wireBytes = 0;
  /** Whether another request can come behind this one, as far as its client says. */
  goesOn = true;
  /** Where the head ends in the buffer. */
  end = 0;
  #limits: RequestLimits = NO_LIMITS;
  readonly #plain = new PlainRequest();
  #text: TextRequest | undefined;
  #buffer: RoomyBuffer = NO_BUFFER;
  /** Whether that may hold something else by now. */
  #hasLeft = false;
  #start = 0;
  /** How far the buffer was filled when it was last read. */
  #filled = 0;
  /** The one empty line that may stand before a request line (RFC 9112, section 2.2). */
  #emptyLine: "possible" | "half" | "over" = "possible";
  /** The lines of a plain head, once its buffer is not its own any more or a rule takes some away. */
  #copy: Uint8Array | undefined;
  #path: string | undefined;
  #idNumber = 0;
  /** What a server gets, once it was asked for; one object for all requests. */
  readonly #sent = new RenderedHead();

  /**
   * Begins with a request.
   *
   * @param at where it stands in the buffer; so many bytes before it are over
   */
  begin(at: number, limits: RequestLimits): void {
    this.#limits = limits;
    this.#hasLeft = false;
    this.#start = at;
    this.#filled = at;
    this.#emptyLine = "possible";
    this.#text = undefined;
    this.#copy = undefined;
    this.#path = undefined;
    this.#idNumber = 0;
    this.#sent.forget();
  }

  /**
   * Reads on.
   *
   * @param buffer which may be another, larger one that holds the same bytes in the same place
   * @param filled how far it is filled
   * @returns whether the head is whole
   * @throws {ProxyError} where it is none, or refused; there is nothing more to be read then
   */
  read(buffer: RoomyBuffer, filled: number): boolean {
    this.#buffer = buffer;
    this.#filled = filled;
    if (!this.#skipEmptyLine(buffer.bytes, filled)) return false;
    if (this.#text === undefined) {
      const { headerBytes, headers, body } = this.#limits;
      const plain = this.#plain;
      const reading = plain.read(buffer, filled, headers);
      const size = (reading === "whole" ? plain.end : filled) - this.#start;
      const mayGoOn = size <= headerBytes && reading !== "odd";
      if (mayGoOn && reading === "more") return false;
      if (mayGoOn && !(plain.body > (body || Infinity))) {
        this.#takePlain();
        return true;
      }
      this.#text = new TextRequest(this.#limits);
    }
    const size = this.#text.read(buffer.bytes.subarray(this.#start, filled));
    if (size === undefined) return false;
    this.#takeText(this.#text, size);
    return true;
  }

  /** Whether a head has begun and not ended. */
  get isInside(): boolean {
    return this.#emptyLine === "half" || this.#filled > this.#start;
  }

  /** The head that was read and is refused, once `read` has thrown. */
  get refused(): RequestHead | undefined {
    return this.#text?.head;
  }

  /** Bytes of the head that is refused; where no end of it was found, all that have come. */
  get refusedBytes(): number {
    return this.#text?.size || this.#filled - this.#start;
  }

  get path(): string {
    return this.#path ??= this.#text?.facts.target.path ?? this.#plainTarget();
  }

  get target(): string {
    return this.#text?.facts.head.target ?? this.path;
  }

  get id(): string {
    return this.#text?.id ?? this.#plain.givenId ?? idOf(this.#number());
  }

  has(role: number): boolean {
    if (this.#text !== undefined) return hasRole(this.#text.facts.head.fields, role);
    return (this.#plain.lines.roles & role) !== 0;
  }

  /**
   * Lines that no server is ever told of are not found any more behind `toHttp1`; those that a rule
   * takes away are.
   */
  values(name: string): readonly string[] {
    if (this.#text !== undefined) return valuesOf(this.#text.facts.head.fields, name);
    const copy = this.#copy;
    if (copy !== undefined) return valuesAmong(copy, { from: 0, to: copy.length }, name);
    const { start, end } = this.#plain.lines;
    return valuesAmong(this.#buffer.bytes, { from: start, to: end }, name);
  }

  toHttp1(forwarding: Forwarding, changes: RequestChanges | undefined): Range {
    const sent = this.#sent;
    if (sent.isDone) return sent;
    const { bytes } = this.#buffer;
    // which is written over where a rule has another, as lines are that it takes away
    if (changes?.path !== undefined) this.#path = this.path;
    if (changes !== undefined && changes.remove.size > 0) this.#keep();
    const isRewritten = this.#text === undefined &&
      this.#plain.rewrite(bytes, forwarding, { idNumber: this.#number(), changes });
    if (isRewritten) sent.set(bytes, this.#plain.line.start, this.end);
    else sent.put(this.#asText().toHttp1(forwarding, changes), bytes, this.#hasLeft ? 0 : this.end);
    return sent;
  }

  each(put: PutField, forwarding: Forwarding, changes: RequestChanges | undefined): void {
    if (this.#text === undefined && this.#sent.isDone) this.#eachSent(put);
    else this.#asText().each(put, forwarding, changes);
  }

  /** To be called before the buffer is read into again: what may still be asked for is kept. */
  leaveBuffer(): void {
    this.#hasLeft = true;
    this.#keep();
  }

  /** Keeps what a plain head says in a place of its own. */
  #keep(): void {
    if (this.#text !== undefined || this.#copy !== undefined) return;
    this.#path = this.path;
    const { start, end } = this.#plain.lines;
    this.#copy = this.#buffer.bytes.slice(start, end);
  }

  /** @returns whether what follows has come */
  #skipEmptyLine(bytes: Uint8Array, filled: number): boolean {
    if (this.#emptyLine === "over") return true;
    let at = this.#start;
    if (at === filled) return false;
    if (bytes[at] === CR) {
      this.#emptyLine = "half";
      if (++at === filled) return false;
      if (bytes[at] !== LF) throw new ProxyError("bad_request_line", "A CR stands without its LF");
      this.#start = ++at;
    }
    this.#emptyLine = "over";
    this.#plain.begin(at);
    return at < filled;
  }

  #takePlain(): void {
    const { line, authority, body, keepsAlive, expectsContinue, end } = this.#plain;
    this.method = line.method;
    this.authority = authority;
    this.version = VERSIONS[line.minor];
    this.body = body;
    this.expectsContinue = expectsContinue;
    this.upgrade = undefined;
    this.goesOn = keepsAlive;
    this.wireBytes = end - this.#start;
    this.end = end;
  }

  #takeText({ facts, expectsContinue }: TextRequest, size: number): void {
    const { head, target, framing, upgrade } = facts;
    this.method = head.method;
    this.authority = target.authority;
    this.version = VERSIONS[head.minor];
    this.body = bodyOf(framing);
    this.expectsContinue = expectsContinue;
    this.upgrade = upgrade;
    // what follows a request for an upgrade is not read as HTTP
    this.goesOn = upgrade === undefined && keepsAlive(head);
    this.wireBytes = size;
    this.end = this.#start + size;
  }

  #plainTarget(): string {
    const { targetStart, targetEnd } = this.#plain.line;
    return textOf(this.#buffer.bytes, targetStart, targetEnd);
  }

  #number(): number {
    if (this.#idNumber === 0) this.#idNumber = nextIdNumber();
    return this.#idNumber;
  }

  /** The head as text, which a plain one becomes where more is to be done to it. */
  #asText(): TextRequest {
    if (this.#text !== undefined) return this.#text;
    const { id } = this;
    const text = new TextRequest(this.#limits);
    text.read(this.#buffer.bytes.subarray(this.#start, this.end));
    text.id = id;
    return this.#text = text;
  }

  /** What was sent by HTTP/1.1, for a server that speaks HTTP/2. */
  #eachSent(put: PutField): void {
    const { bytes, from, to } = this.#sent;
    const { fields } = parseRequestHead(bytes.subarray(from, to), Infinity);
    putHttp2Fields(fields, put);
  }
}

const NO_BUFFER = new RoomyBuffer(0);
const NO_LIMITS: RequestLimits = { headerBytes: 0, headers: 0 };
/** By the minor version. */
const VERSIONS = ["HTTP/1.0", "HTTP/1.1"] as const;
