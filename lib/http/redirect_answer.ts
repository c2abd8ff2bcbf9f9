import { ProxyError } from "../core/errors.ts";
import { NO_BODY_BYTES, type OwnAnswer } from "./own_answer.ts";
import { field } from "./field.ts";
import type { RequestFacts } from "./message.ts";

/**
 * An answer that sends the client to the same place over https: 308, which keeps method and body
 * (RFC 9110, section 15.4.9). A port in Host is dropped, as it is this plain port.
 *
 * @returns why it cannot be sent anywhere where a request names no host
 */
export function redirectAnswer(
  { authority, path }: Pick<RequestFacts, "authority" | "path">,
): OwnAnswer | ProxyError {
  if (authority === undefined) {
    return new ProxyError("bad_host", "Without a Host there is nowhere to be sent to");
  }
  const host = authority.replace(/:\d+$/, "");
  const location = `https://${host}${path === "*" ? "/" : path}`;
  return { status: 308, fields: [field("Location", location)], body: NO_BODY_BYTES };
}
