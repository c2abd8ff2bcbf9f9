import { encodeResponseHead } from "./head.ts";
import { dateField } from "../http/date.ts";
import { field } from "../http/field.ts";
import type { RequestHeadPart } from "./request_decoder.ts";

/**
 * An answer that sends the client to the same place over https: 308, which keeps method and body
 * (RFC 9110, section 15.4.9). A port in Host is dropped, as it is this plain port; a request that
 * names no host cannot be sent anywhere and gets a 400.
 *
 * @param now milliseconds since 1970, where it is not the clock that says so
 */
export function redirectResponse(
  { target }: Pick<RequestHeadPart, "target">,
  { keepAlive, now }: { keepAlive: boolean; now?: number },
): { status: 308 | 400; bytes: Uint8Array } {
  const connection = keepAlive ? [] : [field("Connection", "close")];
  const empty = [field("Content-Length", "0"), dateField(now ?? Date.now())];
  if (target.authority === undefined) {
    const fields = [...empty, ...connection];
    return {
      status: 400,
      bytes: encodeResponseHead({ status: 400, reason: "Bad Request", fields }),
    };
  }
  const host = target.authority.replace(/:\d+$/, "");
  const path = target.path === "*" ? "/" : target.path;
  const fields = [field("Location", `https://${host}${path}`), ...empty, ...connection];
  return {
    status: 308,
    bytes: encodeResponseHead({ status: 308, reason: "Permanent Redirect", fields }),
  };
}
