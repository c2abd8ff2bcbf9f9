import { ROLE } from "./field_name.ts";
import type { AnswerFacts, RequestFacts } from "./message.ts";

/**
 * Whether a server knows from now on, by the connection alone, who its client is: NTLM and Negotiate
 * (RFC 4559, section 6) authenticate a connection, not a request. It is taken for so as soon as
 * either side names one of them.
 */
export function tiesConnection(
  request: Pick<RequestFacts, "has" | "values">,
  answer: Pick<AnswerFacts, "has" | "values">,
): boolean {
  return (answer.has(ROLE.authenticate) && names(answer.values("www-authenticate"))) ||
    logsIn(request);
}

/** Whether a request tells a server who its client is for all that comes on the connection. */
export function logsIn(request: Pick<RequestFacts, "has" | "values">): boolean {
  return request.has(ROLE.authorization) && names(request.values("authorization"));
}

function names(values: readonly string[]): boolean {
  return values.some((value) => SCHEME.test(value));
}

/** A scheme at the beginning of a value, or of another challenge in it (RFC 9110, section 11.6.1). */
const SCHEME = /(?:^|,)[ \t]*(?:ntlm|negotiate)(?:[ \t,]|$)/i;
