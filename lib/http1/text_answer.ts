import { changedFields } from "../http/changed_fields.ts";
import { ROLE } from "../http/field_name.ts";
import type { Field } from "../http/field.ts";
import { endToEndFields } from "../http/hop_fields.ts";
import type { AnswerTerms, FieldChanges, PutField } from "../http/message.ts";
import { parseResponseHead, responseHeadText } from "./head.ts";
import { ANSWER_SCAN_ERRORS, HeadScanner } from "./head_scanner.ts";
import { type Asked, judgeAnswer, type JudgedAnswer } from "./judge_answer.ts";
import type { HeadLimits } from "../http/limits.ts";
import { clientAnswer, type ClientSide } from "./response_rewrite.ts";
import { upgradeFields, upgradeLines } from "./upgrade.ts";

/** An answer's head by way of text, like `TextRequest`. */
export class TextAnswer {
  readonly #limits: HeadLimits;
  readonly #scanner: HeadScanner;
  #scanned = 0;
  #facts: JudgedAnswer | undefined;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#scanner = new HeadScanner(limits.headerBytes, ANSWER_SCAN_ERRORS);
  }

  /**
   * Reads on.
   *
   * @param bytes all of the head that has come, and maybe what follows it
   * @returns bytes of the head once it is whole
   * @throws {ProxyError}
   */
  read(bytes: Uint8Array, asked: Asked): number | undefined {
    const found = this.#scanner.scan(bytes, this.#scanned);
    this.#scanned = bytes.length;
    if (found === undefined) return undefined;
    this.#facts = judgeAnswer(parseResponseHead(found.head, this.#limits.headers), asked);
    return found.end;
  }

  /** @throws {TypeError} before it was read and taken */
  get facts(): JudgedAnswer {
    if (this.#facts === undefined) throw new TypeError("The answer's head has not been read");
    return this.#facts;
  }

  /** The head that a client gets by HTTP/1, one character a byte. @param now as `clientAnswer` */
  toHttp1(terms: AnswerTerms, now: number): string {
    const { head } = this.facts;
    return responseHeadText(head, changedFields(this.#fields(terms, now), terms.changes));
  }

  /** The fields that a client gets by HTTP/2 (RFC 9113, section 8.2.2). */
  each(
    put: PutField,
    { method, changes, now }: {
      method: string;
      changes: FieldChanges | undefined;
      now: number;
    },
  ): void {
    const client = { method, minor: 1, keepAlive: true } as const;
    for (const { key, role, value } of changedFields(this.#fields(client, now), changes)) {
      if ((role & NOT_IN_HTTP2) === 0) put(key, value);
    }
  }

  #fields(client: ClientSide, now: number): readonly Field[] {
    const { fields, status } = this.facts.head;
    if (status >= 200) return clientAnswer(this.facts, client, now).fields;
    const kept = endToEndFields(fields);
    return status === 101 ? [...kept, ...upgradeFields(upgradeLines(fields))] : kept;
  }
}

/** What frames and connections there say by themselves. */
const NOT_IN_HTTP2 = ROLE.connection | ROLE.transferEncoding | ROLE.upgrade;
