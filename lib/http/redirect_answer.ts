import { NO_BODY_BYTES, type OwnAnswer } from "./own_answer.ts";
import { field } from "./field.ts";
import type { RequestFacts } from "./message.ts";

/**
 * An answer that sends the client to the same place over https: 308, which keeps method and body
 * (RFC 9110, section 15.4.9). A port in Host is dropped, as it is this plain port; a request that
 * names no host cannot be sent anywhere and gets a 400.
 */
export function redirectAnswer(
  { authority, path }: Pick<RequestFacts, "authority" | "path">,
): OwnAnswer {
  if (authority === undefined) return { status: 400, fields: [], body: NO_BODY_BYTES };
  const host = authority.replace(/:\d+$/, "");
  const location = `https://${host}${path === "*" ? "/" : path}`;
  return { status: 308, fields: [field("Location", location)], body: NO_BODY_BYTES };
}
