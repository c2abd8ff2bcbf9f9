import { type Field, field, valuesOf } from "./field.ts";
import { fieldName, ROLE } from "./field_name.ts";

/**
 * How many hops a request may still go, where it says so: `Max-Forwards` of OPTIONS and TRACE (RFC
 * 9110, section 7.6.2). With 0 left it is answered here. In other methods, or malformed, the field
 * means nothing.
 *
 * @param values of every line of the field
 */
export function hopsLeft(method: string, values: readonly string[]): number | undefined {
  if (method !== "OPTIONS" && method !== "TRACE") return undefined;
  const counts = values.filter((value) => COUNT.test(value)).map(Number);
  return counts.length === 0 ? undefined : Math.min(MOST, ...counts);
}

/** What the next hop is told: one hop fewer. @param left more than 0 */
export function nextMaxForwards(left: number): string {
  return String(left - 1);
}

const COUNT = /^\d+$/;
/** More hops than any chain has: what is counted on beyond that is this. */
const MOST = 1_000_000;

/** Has this hop count among those that a request may go; its fields are changed in place. */
export function countHop(fields: Field[], method: string): void {
  const left = hopsLeft(method, valuesOf(fields, "max-forwards"));
  if (left === undefined || left === 0) return;
  const others = fields.filter(({ role }) => (role & ROLE.maxForwards) === 0);
  fields.splice(0, fields.length, ...others, field(MAX_FORWARDS, nextMaxForwards(left)));
}

const MAX_FORWARDS = fieldName("Max-Forwards");
