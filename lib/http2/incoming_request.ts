import { encodeLatin1, writeLatin1 } from "../core/latin1.ts";
import { changedRequestFields } from "../http/changed_fields.ts";
import { expectsNothing } from "../http/expect.ts";
import { countHop } from "../http/max_forwards.ts";
import { type Field, field, fieldLines, hasToken, valuesOf } from "../http/field.ts";
import { fieldName, ROLE } from "../http/field_name.ts";
import { appendedForwardedFields, forwardedFields } from "../http/forwarded.ts";
import {
  type Forwarding,
  NO_BODY,
  type PutField,
  type Range,
  type RequestChanges,
  type RequestFacts,
  UNKNOWN_LENGTH,
} from "../http/message.ts";
import { requestId } from "../http/request_id.ts";
import { viaFieldOf } from "../http/via.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Http2RequestHead, Rendering } from "./request_head.ts";

/**
 * A request that came by HTTP/2, and what it says. One object serves all requests of a client
 * stream, in turn. What servers get of it is written from the lines that the last request with the
 * same fields has left.
 */
export class IncomingRequest implements RequestFacts {
  readonly version = "HTTP/2";
  body = NO_BODY;
  /** What a server by HTTP/1.1 has to prove that it has read (RFC 6455, section 4.1); made here. */
  key: string | undefined;
  #head: Http2RequestHead = NO_HEAD;
  #id: string | undefined;
  /** What a server gets, once it was asked for. */
  #sent: Range | undefined;
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;

  /** @param ended whether it has no body */
  begin(head: Http2RequestHead, ended: boolean): void {
    const hasBody = !ended && head.protocol === undefined;
    this.body = hasBody ? head.length ?? UNKNOWN_LENGTH : NO_BODY;
    this.#head = head;
    this.#id = undefined;
    this.#sent = undefined;
    this.key = undefined;
  }

  /**
   * It is over: what it said is not kept.
   *
   * @param settled whether nothing of it may still be on its way to a server
   */
  end(settled: boolean): void {
    this.#head = NO_HEAD;
    this.#sent = undefined;
    if (!settled || this.#buffer.length > MAX_KEPT_BYTES) this.#buffer = NO_BYTES;
  }

  /** An extended CONNECT is what GET with `Upgrade` is in HTTP/1.1 (RFC 8441, section 5). */
  get method(): string {
    return this.#head.protocol === undefined ? this.#head.method : "GET";
  }

  get path(): string {
    return this.#head.path;
  }

  get target(): string {
    return this.#head.path;
  }

  get authority(): string {
    return this.#head.authority;
  }

  get upgrade(): readonly string[] | undefined {
    const { protocol } = this.#head;
    return protocol === undefined ? undefined : [protocol];
  }

  get expectsContinue(): boolean {
    const { roles, fields } = this.#head;
    return this.body !== NO_BODY && (roles & ROLE.expect) !== 0 &&
      hasToken(fields, "expect", "100-continue");
  }

  get id(): string {
    return this.#id ??= requestId(this.#head.fields);
  }

  has(role: number): boolean {
    return (this.#head.roles & role) !== 0;
  }

  values(name: string): readonly string[] {
    const { fields, length, authority, protocol } = this.#head;
    if (name === "host") return [authority];
    if (name === "content-length") return length === undefined ? [] : [String(length)];
    // what an extended CONNECT asks for in another place
    if (name === "upgrade") return protocol === undefined ? [] : [protocol];
    return valuesOf(fields, name);
  }

  toHttp1(forwarding: Forwarding, changes: RequestChanges | undefined): Range {
    return this.#sent ??= this.#write(forwarding, changes);
  }

  each(put: PutField, forwarding: Forwarding, changes: RequestChanges | undefined): void {
    const { roles, length, protocol } = this.#head;
    const fields = changes === undefined
      ? this.#kept(forwarding)
      : this.#changedFields(forwarding, changes);
    for (const { key, role, value, isSecret } of fields) {
      if ((role & ROLE.host) === 0) put(key, value, isSecret);
    }
    if (changes === undefined) put(X_REQUEST_ID.key, this.id);
    if ((roles & ROLE.te) !== 0) put("te", "trailers");
    if (length !== undefined && protocol === undefined) put("content-length", String(length));
  }

  #write(forwarding: Forwarding, changes: RequestChanges | undefined): Range {
    const line = `${this.method} ${changes?.path ?? this.path} HTTP/1.1\r\n`;
    const lines = changes === undefined
      ? this.#lines(forwarding)
      : encodeLatin1(fieldLines(this.#changedFields(forwarding, changes)));
    const tail = (changes === undefined ? `X-Request-Id: ${this.id}\r\n` : "") + this.#tail();
    const size = line.length + lines.length + tail.length;
    const room = this.body > 0 && this.body <= LITTLE_BODY ? this.body : 0;
    if (size + room > this.#buffer.length) {
      this.#buffer = new Uint8Array(size + room + SPARE_BYTES);
    }
    writeLatin1(line, this.#buffer, 0);
    this.#buffer.set(lines, line.length);
    writeLatin1(tail, this.#buffer, line.length + lines.length);
    return { bytes: this.#buffer, from: 0, to: size, room };
  }

  /** Those that are the same for the next request with these fields. */
  #lines(forwarding: Forwarding): Uint8Array {
    const rendering = this.#rendering(forwarding);
    return rendering.lines ??= encodeLatin1(fieldLines(this.#fields(forwarding)));
  }

  /** What a server gets, as a rule changes it, but for its framing and its connection. */
  #changedFields(forwarding: Forwarding, changes: RequestChanges): readonly Field[] {
    const fields = [...this.#kept(forwarding), field(X_REQUEST_ID, this.id)];
    return changedRequestFields(fields, changes);
  }

  /** The same as fields. */
  #kept(forwarding: Forwarding): readonly Field[] {
    return this.#rendering(forwarding).fields ??= this.#fields(forwarding);
  }

  #rendering(forwarding: Forwarding): Rendering {
    const { rendering } = this.#head;
    if (rendering.for !== forwarding) {
      rendering.for = forwarding;
      rendering.lines = rendering.fields = undefined;
    }
    return rendering;
  }

  /** What a server gets, but for its framing, its connection and the request's id. */
  #fields(forwarding: Forwarding): readonly Field[] {
    const { fields: received, authority, roles, method, protocol } = this.#head;
    const dropped = REPLACED | (forwarding.via ? ROLE.via : 0) |
      (forwarding.trusted ? 0 : ROLE.claim);
    const kept = (roles & (dropped | ROLE.expect)) === 0
      ? received
      : received.filter((field) => (field.role & dropped) === 0 && !expectsNothing(field));
    const facts = { ...forwarding, host: authority };
    const forwarded = forwarding.trusted
      ? appendedForwardedFields(facts, received)
      : forwardedFields(facts);
    // the key for a WebSocket is made here, and its proof ends here (RFC 8441, section 5)
    const own = protocol === undefined
      ? kept
      : kept.filter(({ key }) => key !== "sec-websocket-key");
    const fields = [field(HOST, authority), ...own, ...forwarded];
    if ((roles & ROLE.maxForwards) !== 0) countHop(fields, method);
    if (forwarding.via) fields.push(viaFieldOf(valuesOf(received, "via"), "2.0"));
    return fields;
  }

  /** Its framing and its connection, and the empty line. */
  #tail(): string {
    const { method, length, protocol, roles } = this.#head;
    let tail = "";
    if (protocol !== undefined) {
      // RFC 6455, section 4.1; in HTTP/2 nobody needs it
      const key = this.key = btoa(
        String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))),
      );
      tail += `Connection: upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Key: ${key}\r\n`;
    } else if ((roles & ROLE.te) !== 0) tail += "TE: trailers\r\nConnection: TE\r\n";
    if (this.body === UNKNOWN_LENGTH) tail += "Transfer-Encoding: chunked\r\n";
    else if (this.body !== NO_BODY) tail += `Content-Length: ${this.body}\r\n`;
    else if (length !== undefined || SENDS_CONTENT.has(method)) tail += "Content-Length: 0\r\n";
    return tail + "\r\n";
  }
}

const HOST = fieldName("Host");
const X_REQUEST_ID = fieldName("X-Request-Id");

/** What the proxy writes itself in any case, and what goes no further. */
const REPLACED = ROLE.hopByHop | ROLE.host | ROLE.requestId | ROLE.forwarded;

/** Of which a server expects to be told that there is no content (RFC 9110, section 8.6). */
const SENDS_CONTENT: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** What the next request may be longer by, in the same buffer. */
const SPARE_BYTES = 256;
const MAX_KEPT_BYTES = 4096;
/** Bytes of a body that goes behind its head in the same buffer. */
const LITTLE_BODY = 2048;

const NO_HEAD: Http2RequestHead = {
  method: "",
  scheme: "",
  authority: "",
  path: "",
  protocol: undefined,
  fields: [],
  length: undefined,
  roles: 0,
  priority: { urgency: 3, incremental: false },
  cutBy: undefined,
  bytes: 0,
  rendering: { for: undefined, lines: undefined, fields: undefined },
};
