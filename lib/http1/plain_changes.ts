import { encodeLatin1 } from "../core/latin1.ts";
import { fieldName, ROLE } from "../http/field_name.ts";
import { lineOf } from "../http/field.ts";
import { COLON, CR } from "../http/grammar.ts";
import type { FieldChanges } from "../http/message.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { isNameForRules, moveBytes } from "./head_bytes.ts";

/**
 * What a rule makes of the fields of heads that stay where they lie. The changes of the last head
 * are kept as bytes: a rule whose values do not depend on the request makes the same ones for all.
 */
export class PlainChanges {
  /** The lines that are added. */
  lines: Uint8Array = NO_BYTES;
  /** The names whose lines do not go on, as `nameForRules` makes them. */
  #removed: readonly string[] = NO_NAMES;
  #isPlain = true;
  #changes: FieldChanges | undefined;
  /** The lines as text: what differs from request to request is most often the client. */
  #text = "";

  /**
   * Goes by these from now on.
   *
   * @param host of a request that gets another; the line of its own is not among those removed
   * @returns whether they concern no field that this proxy writes itself; those are for the slow way
   */
  use(changes: FieldChanges | undefined, host?: string): boolean {
    if (changes !== this.#changes) {
      this.#changes = changes;
      this.#removed = [...changes?.remove ?? NO_NAMES];
      const added = changes?.add ?? [];
      const first = host === undefined ? "" : lineOf("Host", host);
      const text = first + added.map(({ name, value }) => lineOf(name, value)).join("");
      if (text !== this.#text) {
        this.#text = text;
        this.lines = encodeLatin1(text);
      }
      const names = [...this.#removed, ...added.map(({ name }) => name)];
      this.#isPlain = names.every((name) => (fieldName(name).role & WRITTEN_HERE) === 0);
    }
    return this.#isPlain;
  }

  /**
   * Closes over the lines that do not go on, among plain lines (`Name: value`), like `cutLines`.
   *
   * @returns where the lines now begin
   */
  remove(bytes: Uint8Array, from: number, to: number): number {
    let start = from;
    if (this.#removed.length === 0) return start;
    for (let line = from; line < to;) {
      const colon = bytes.indexOf(COLON, line);
      const next = bytes.indexOf(CR, colon) + 2;
      if (this.#isRemoved(bytes, line, colon)) {
        moveBytes(bytes, start, line, next - line);
        start += next - line;
      }
      line = next;
    }
    return start;
  }

  /** Puts what is added behind the other lines, which move to the left for it. */
  append(bytes: Uint8Array, from: number, to: number): void {
    const { length } = this.lines;
    if (length === 0) return;
    moveBytes(bytes, from, to, -length);
    bytes.set(this.lines, to - length);
  }

  #isRemoved(bytes: Uint8Array, from: number, to: number): boolean {
    for (const name of this.#removed) if (isNameForRules(bytes, from, to, name)) return true;
    return false;
  }
}

const WRITTEN_HERE = ROLE.hopByHop | ROLE.forwarded | ROLE.host | ROLE.requestId | ROLE.via |
  ROLE.date;
const NO_NAMES: readonly string[] = [];
