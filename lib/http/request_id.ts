import { ROLE } from "./field_name.ts";
import { type Field, hasRole, valuesOf } from "./field.ts";

/** What is passed on: nothing that would have to be quoted in a log, a URL or JSON. */
const WELL_FORMED = /^[A-Za-z0-9_.:@=+/-]{1,128}$/;

/**
 * The id under which a request can be found in every log on its way: the one it came with, where
 * that stands once and is well-formed, or a new one.
 */
export function requestId(received: readonly Field[]): string {
  if (!hasRole(received, ROLE.requestId)) return idOf(nextIdNumber());
  const [id, ...more] = valuesOf(received, "x-request-id");
  return id !== undefined && more.length === 0 && isRequestId(id) ? id : idOf(nextIdNumber());
}

/** Whether an id that a request came with is passed on. */
export function isRequestId(id: string): boolean {
  return WELL_FORMED.test(id);
}

/**
 * The number of a new id: which of this process's requests it is. To be unique an id need not be
 * secret, and a random number for each request would cost more than all the rest of this file.
 */
export function nextIdNumber(): number {
  return ++count;
}

/** The id of a number. */
export function idOf(number: number): string {
  return ID_PREFIX + number.toString(36);
}

/** What all ids of this process begin with. */
export const ID_PREFIX = `${crypto.randomUUID().slice(0, 8)}-`;
let count = 0;
