import { encodeLatin1 } from "../core/latin1.ts";
import { changedFields } from "../http/changed_fields.ts";
import { dateField } from "../http/date.ts";
import { type Field, field, fieldLines, hasRole, valuesOf } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";
import { endToEndAnswerFields } from "../http/hop_fields.ts";
import {
  type AnswerFacts,
  type AnswerTerms,
  type FieldChanges,
  NO_BODY,
  type PutField,
  type Range,
  UNKNOWN_LENGTH,
} from "../http/message.ts";
import { reasonOf } from "../http/status.ts";
import { appendVia } from "../http/via.ts";
import type { Http2ResponseHead } from "./response_head.ts";

/** An answer's head that came by HTTP/2, and what it says. */
export class IncomingAnswer implements AnswerFacts {
  readonly version = "2.0";
  readonly status: number;
  readonly body: number;
  readonly #head: Http2ResponseHead;
  readonly #isWithoutBody: boolean;
  readonly #accept: string | undefined;

  /**
   * @param method of the request that it answers
   * @param ended whether nothing follows
   * @param accept what proves to a client by HTTP/1.1 that its key for a WebSocket was read
   */
  constructor(
    head: Http2ResponseHead,
    { method, ended, accept }: { method: string; ended: boolean; accept?: string | undefined },
  ) {
    const { status, length } = head;
    this.#head = head;
    this.status = status;
    this.#accept = accept;
    this.#isWithoutBody = method === "HEAD" || status < 200 || status === 204 || status === 304;
    this.body = this.#isWithoutBody ? NO_BODY : length ?? (ended ? 0 : UNKNOWN_LENGTH);
  }

  has(role: number): boolean {
    const { fields, length } = this.#head;
    return hasRole(fields, role) || (length !== undefined && (role & ROLE.contentLength) !== 0);
  }

  values(name: string): readonly string[] {
    const { fields, length } = this.#head;
    if (name === "content-length") return length === undefined ? [] : [String(length)];
    return valuesOf(fields, name);
  }

  toHttp1({ minor, keepAlive, via, changes }: AnswerTerms): Range {
    const fields = [...this.#fields()];
    if (this.body === UNKNOWN_LENGTH && minor === 1) fields.push(CHUNKED);
    if (this.status === 101) fields.push(...SWITCHED);
    if (this.#accept !== undefined) fields.push(field("Sec-WebSocket-Accept", this.#accept));
    if (via) appendVia(fields, this.version);
    if (this.status >= 200 && !keepAlive) fields.push(CLOSE);
    else if (this.status >= 200 && minor === 0) fields.push(KEEP_ALIVE);
    const lines = fieldLines(changedFields(fields, changes));
    const line = `HTTP/1.1 ${this.status} ${reasonOf(this.status)}\r\n`;
    const bytes = encodeLatin1(`${line}${lines}\r\n`);
    return { bytes, from: 0, to: bytes.length };
  }

  each(put: PutField, changes: FieldChanges | undefined): void {
    for (const { key, value, isSecret } of changedFields(this.#fields(), changes)) {
      put(key, value, isSecret);
    }
  }

  /** What goes on, with how long the body is where that is known. */
  #fields(): readonly Field[] {
    const { length } = this.#head;
    const kept = endToEndAnswerFields(this.#head);
    if (this.status < 200) return kept;
    if (this.body >= 0) kept.push(field("content-length", String(this.body)));
    else if (this.#isWithoutBody && this.status !== 204 && length !== undefined) {
      kept.push(field("content-length", String(length)));
    }
    if (!kept.some(({ key }) => key === "date")) kept.push(dateField(Date.now()));
    return kept;
  }
}

/** What an extended CONNECT that was granted is in HTTP/1.1 (RFC 8441, section 5). */
const SWITCHED = [field("Connection", "upgrade"), field("Upgrade", "websocket")];
const CHUNKED = field("Transfer-Encoding", "chunked");
const CLOSE = field("Connection", "close");
const KEEP_ALIVE = field("Connection", "keep-alive");
