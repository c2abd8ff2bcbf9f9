import { changedRequestFields } from "../http/changed_fields.ts";
import { ROLE } from "../http/field_name.ts";
import { type Field, hasToken } from "../http/field.ts";
import type { Forwarding, PutField, RequestChanges, RequestHead } from "../http/message.ts";
import { requestId } from "../http/request_id.ts";
import { parseRequestHead, requestHeadText } from "./head.ts";
import { HeadScanner, REQUEST_SCAN_ERRORS } from "./head_scanner.ts";
import { type JudgedRequest, judgeRequest } from "./judge_request.ts";
import type { RequestLimits } from "../http/limits.ts";
import { requestFields } from "./request_rewrite.ts";

/**
 * A request's head by way of text: whatever one may look like, and whatever becomes of it. It is the
 * slow way, and says what the fast one has to say.
 */
export class TextRequest {
  /** Once it was read, though it may be refused. */
  head: RequestHead | undefined;
  /** Its bytes, once all of it has come. */
  size = 0;
  #facts: JudgedRequest | undefined;
  #id: string | undefined;
  readonly #limits: RequestLimits;
  readonly #scanner: HeadScanner;
  #scanned = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
    this.#scanner = new HeadScanner(limits.headerBytes, REQUEST_SCAN_ERRORS);
  }

  /**
   * Reads on.
   *
   * @param bytes all of the head that has come, and maybe what follows it
   * @returns bytes of the head once it is whole
   * @throws {ProxyError}
   */
  read(bytes: Uint8Array): number | undefined {
    const found = this.#scanner.scan(bytes, this.#scanned);
    this.#scanned = bytes.length;
    if (found === undefined) return undefined;
    this.size = found.end;
    const { headers, body } = this.#limits;
    this.head = parseRequestHead(found.head, headers);
    this.#facts = judgeRequest(this.head, { size: found.end, maxBody: body || Infinity });
    return found.end;
  }

  /** @throws {TypeError} before it was read and taken */
  get facts(): JudgedRequest {
    if (this.#facts === undefined) throw new TypeError("The request's head has not been read");
    return this.#facts;
  }

  get id(): string {
    return this.#id ??= requestId(this.facts.head.fields);
  }

  set id(id: string) {
    this.#id = id;
  }

  /**
   * RFC 9110, section 10.1.1; from HTTP/1.0 it means nothing. Where `Connection` takes it away no
   * server is asked for a 100 Continue, so that none is to be waited for.
   */
  get expectsContinue(): boolean {
    const { minor, fields } = this.facts.head;
    return minor === 1 && hasToken(fields, "expect", "100-continue") &&
      !hasToken(fields, "connection", "expect");
  }

  /** The head that a server gets by HTTP/1.1, one character a byte. */
  toHttp1(forwarding: Forwarding, changes: RequestChanges | undefined): string {
    const { head: { method }, target } = this.facts;
    const fields = this.#fields(forwarding, changes);
    return requestHeadText({ method, target: changes?.path ?? target.path, fields });
  }

  /** The fields that a server gets by HTTP/2. */
  each(put: PutField, forwarding: Forwarding, changes: RequestChanges | undefined): void {
    putHttp2Fields(this.#fields(forwarding, changes), put);
  }

  #fields(forwarding: Forwarding, changes: RequestChanges | undefined): readonly Field[] {
    return changedRequestFields(requestFields(this.facts, forwarding, this.id), changes);
  }
}

/** Gives the fields of a request for HTTP/1.1 as HTTP/2 has them (RFC 9113, section 8.2.2). */
export function putHttp2Fields(fields: readonly Field[], put: PutField): void {
  for (const { key, role, value } of fields) if ((role & NOT_IN_HTTP2) === 0) put(key, value);
}

/** What frames and connections there say by themselves, and the authority. */
const NOT_IN_HTTP2 = ROLE.connection | ROLE.transferEncoding | ROLE.upgrade | ROLE.host;
