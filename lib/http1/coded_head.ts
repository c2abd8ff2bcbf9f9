import { encodeLatin1 } from "../core/latin1.ts";
import { type Field, field, hasRole, valuesOf } from "../http/field.ts";
import {
  type AnswerFacts,
  type AnswerTerms,
  type FieldChanges,
  type PutField,
  type Range,
  UNKNOWN_LENGTH,
} from "../http/message.ts";
import { changedFields } from "../http/changed_fields.ts";
import { reasonOf } from "../http/status.ts";
import { appendVia, type HttpVersion } from "../http/via.ts";
import { responseHeadText } from "./head.ts";

/** The head of an answer whose body is another than the server's: it is framed anew. */
export class CodedHead implements AnswerFacts {
  readonly status: number;
  readonly version: HttpVersion;
  readonly body: number;
  readonly #fields: readonly Field[];

  /**
   * Status and version are those of the server's answer.
   *
   * @param fields that go end to end, without `Content-Length`
   * @param body bytes of it, or `NO_BODY` or `UNKNOWN_LENGTH`
   */
  constructor(
    { status, version }: Pick<AnswerFacts, "status" | "version">,
    { fields, body }: { readonly fields: readonly Field[]; readonly body: number },
  ) {
    this.status = status;
    this.version = version;
    this.body = body;
    this.#fields = body < 0 ? fields : [...fields, field("Content-Length", String(body))];
  }

  has(role: number): boolean {
    return hasRole(this.#fields, role);
  }

  values(name: string): readonly string[] {
    return valuesOf(this.#fields, name);
  }

  toHttp1({ minor, keepAlive, via, changes }: AnswerTerms): Range {
    const fields = [...this.#fields];
    if (this.body === UNKNOWN_LENGTH && minor === 1) fields.push(CHUNKED);
    if (via) appendVia(fields, this.version);
    if (!keepAlive) fields.push(CLOSE);
    else if (minor === 0) fields.push(KEEP_ALIVE);
    const { status } = this;
    const lines = changedFields(fields, changes);
    const bytes = encodeLatin1(responseHeadText({ status, reason: reasonOf(status) }, lines));
    return { bytes, from: 0, to: bytes.length };
  }

  each(put: PutField, changes: FieldChanges | undefined): void {
    for (const { key, value, isSecret } of changedFields(this.#fields, changes)) {
      put(key, value, isSecret);
    }
  }
}

const CHUNKED = field("Transfer-Encoding", "chunked");
const CLOSE = field("Connection", "close");
const KEEP_ALIVE = field("Connection", "keep-alive");
