import { field } from "./field.ts";
import type { RequestFacts } from "./message.ts";
import { NO_BODY_BYTES, type OwnAnswer } from "./own_answer.ts";

/** The methods that this proxy lets through and knows of (RFC 9110, section 10.2.1). */
export const ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** The answer to an OPTIONS request that may go no further (RFC 9110, sections 7.6.2, 9.3.7). */
export function optionsAnswer({ id }: Pick<RequestFacts, "id">): OwnAnswer {
  const fields = [field("Allow", ALLOWED_METHODS), field("X-Request-Id", id)];
  return { status: 200, fields, body: NO_BODY_BYTES };
}
