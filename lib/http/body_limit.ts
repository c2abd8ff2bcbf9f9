import { ProxyError } from "../core/errors.ts";
import { plural } from "../core/plural.ts";

/** Whether a body has more bytes than it may; a limit of 0 is none. */
export function isBeyond(bytes: number, limit: number): boolean {
  return limit !== 0 && bytes > limit;
}

/** The refusal of a body of more than `limit` bytes. */
export function bodyTooLarge(limit: number): ProxyError {
  return new ProxyError("body_too_large", `The body is larger than ${plural(limit, "byte")}`);
}
