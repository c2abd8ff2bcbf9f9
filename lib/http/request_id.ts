import { ROLE } from "./field_name.ts";
import { type Field, hasRole, valuesOf } from "./field.ts";

/** What is passed on: nothing that would have to be quoted in a log, a URL or JSON. */
const WELL_FORMED = /^[A-Za-z0-9_.:@=+/-]{1,128}$/;

/**
 * The id under which a request can be found in every log on its way: the one it came with, where
 * that stands once and is well-formed, or a new one.
 */
export function requestId(received: readonly Field[]): string {
  if (!hasRole(received, ROLE.requestId)) return newId();
  const [id, ...more] = valuesOf(received, "x-request-id");
  return id !== undefined && more.length === 0 && WELL_FORMED.test(id) ? id : newId();
}

/**
 * Of this process, and which of its requests: to be unique it need not be secret, and a random
 * number for each request would cost more than all the rest of this file.
 */
function newId(): string {
  return PROCESS + (++count).toString(36);
}

const PROCESS = `${crypto.randomUUID().slice(0, 8)}-`;
let count = 0;
