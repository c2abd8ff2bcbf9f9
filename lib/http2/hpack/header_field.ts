import { type Field, lineOf } from "../../http/field.ts";
import { type FieldName, fieldName } from "../../http/field_name.ts";

/** What a field's name is in HTTP/2 (RFC 9113, sections 8.2.1 and 8.3). */
export type NameKind = "regular" | "pseudo" | "malformed";

/** A name, with what it may be used for. */
export interface HeaderName extends FieldName {
  readonly kind: NameKind;
}

/**
 * A field as HPACK gives it. What it is, is found out once, when it is made: one that stands in a
 * table and is referred to a thousand times costs a thousand references.
 */
export class HeaderField implements Field {
  readonly name: string;
  readonly key: string;
  readonly role: number;
  readonly value: string;
  /** As HTTP/1.1 writes it. */
  readonly line: string;
  /** What it is; also a value that no field may have makes it malformed (RFC 9113, section 8.2.1). */
  readonly kind: NameKind;
  readonly isSecret: boolean;
  /** What is known of its name, for others of that name: to look at it again takes as long as it is. */
  readonly called: HeaderName;

  constructor(called: HeaderName, value: string, isSecret = false) {
    const { name, key, role, kind } = called;
    this.called = called;
    this.name = name;
    this.key = key;
    this.role = role;
    this.value = value;
    this.line = lineOf(name, value);
    this.kind = isFieldValue(value) ? kind : "malformed";
    this.isSecret = isSecret;
  }

  /** What it takes up in a table or a list, in bytes as RFC 7541, section 4.1, counts them. */
  get size(): number {
    return this.name.length + this.value.length + ENTRY_OVERHEAD;
  }
}

/** The same name is looked at once, as long as there is room to remember it. */
export function headerName(name: string): HeaderName {
  const known = names.get(name);
  if (known !== undefined) return known;
  const made = { ...fieldName(name), kind: kindOf(name) };
  if (name.length <= MAX_KEPT_LENGTH && names.size < MAX_KEPT) names.set(name, made);
  return made;
}

/**
 * Whether a value holds what HTTP/1.1 can say in a field line and reads the same: no control
 * characters but HTAB, and no blank at either end (RFC 9113, section 8.2.1).
 */
function isFieldValue(value: string): boolean {
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1)) &&
    !CONTROL.test(value);
}

/**
 * What a field counts for besides its name and its value (RFC 7541, section 4.1; RFC 9113, section
 * 6.5.2).
 */
export const ENTRY_OVERHEAD = 32;

const MAX_KEPT = 1024;
const MAX_KEPT_LENGTH = 64;
const names = new Map<string, HeaderName>();

/** A token without upper case. */
const REGULAR = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const PSEUDO = /^:[a-z]+$/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

function kindOf(name: string): NameKind {
  if (REGULAR.test(name)) return "regular";
  return PSEUDO.test(name) ? "pseudo" : "malformed";
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
