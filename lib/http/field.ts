import { type FieldName, fieldName } from "./field_name.ts";
import { withoutBlanks } from "./without_blanks.ts";

/** One field line (RFC 9110, section 5). */
export interface Field extends FieldName {
  /** Without the white space around it. */
  readonly value: string;
  /** All of it as it is written, with its CRLF. */
  readonly line: string;
  /** Whether it came by HTTP/2 as one that nobody on its way may keep (RFC 7541, section 7.1.3). */
  readonly isSecret?: boolean;
}

/** A field of our own making; where many are made, with a name that is made once. */
export function field(called: string | FieldName, value: string): Field {
  const { name, key, role } = typeof called === "string" ? fieldName(called) : called;
  return { name, key, role, value, line: lineOf(name, value) };
}

/** A field line with its CRLF. */
export function lineOf(name: string, value: string): string {
  return name + ": " + value + "\r\n";
}

/** Whether a field of one of these roles is there. */
export function hasRole(fields: readonly Field[], role: number): boolean {
  for (let i = 0; i < fields.length; i++) if (((fields[i] as Field).role & role) !== 0) return true;
  return false;
}

/** The values of every line of a field, in order. */
export function valuesOf(fields: readonly Field[], key: string): readonly string[] {
  let values: string[] | undefined;
  for (const field of fields) if (field.key === key) (values ??= []).push(field.value);
  return values ?? NONE;
}

const NONE: readonly string[] = [];

/** Whether a list-valued field holds a token, whatever its case (RFC 9110, section 5.6.1). */
export function hasToken(fields: readonly Field[], key: string, token: string): boolean {
  for (const field of fields) {
    if (field.key === key && listHas(field.value.toLowerCase(), token)) return true;
  }
  return false;
}

function listHas(list: string, token: string): boolean {
  if (list === token) return true;
  return list.includes(",") && list.split(",").some((item) => withoutBlanks(item) === token);
}

/** Field lines, each with its CRLF. */
export function fieldLines(fields: readonly Field[]): string {
  let lines = "";
  for (let i = 0; i < fields.length; i++) lines += (fields[i] as Field).line;
  return lines;
}
