import { ProxyError } from "../core/errors.ts";
import { plural } from "../core/plural.ts";
import { bodyTooLarge, isBeyond } from "../http/body_limit.ts";
import { checkExpectation } from "../http/expect.ts";
import { ROLE } from "../http/field_name.ts";
import type { RequestLimits } from "../http/limits.ts";
import type { ListLimits } from "./hpack/decoder.ts";
import type { Http2RequestHead } from "./request_head.ts";

/**
 * Judges a request that is well-formed, or whose head is cut, as one of HTTP/1.1 is judged.
 *
 * @throws {ProxyError} for what is too large or not allowed
 */
export function judgeRequest(head: Http2RequestHead, limits: RequestLimits): void {
  const { method, path, protocol, fields, roles, length = 0, bytes } = head;
  const { headerBytes, headers, body = 0 } = limits;
  if (head.cutBy !== undefined) throw overLimit(head.cutBy, limits);
  if (path.length > headerBytes) {
    throw new ProxyError(
      "target_too_long",
      `The request target is longer than ${plural(headerBytes, "byte")}`,
    );
  }
  if (bytes + path.length > headerBytes) throw overLimit("bytes", limits);
  if (fields.length > headers) throw overLimit("fields", limits);
  if (method === "TRACE" || (method === "CONNECT" && protocol === undefined)) {
    throw new ProxyError("method_not_allowed", `${method} is not allowed here`);
  }
  if (protocol !== undefined && protocol.toLowerCase() !== "websocket") {
    throw new ProxyError("method_not_allowed", "CONNECT is for WebSocket alone here");
  }
  if ((roles & ROLE.expect) !== 0) checkExpectation({ minor: 1, fields });
  if (isBeyond(length, body)) throw bodyTooLarge(body);
}

function overLimit(
  limit: keyof ListLimits,
  { headerBytes, headers }: RequestLimits,
): ProxyError {
  return new ProxyError(
    "head_too_large",
    limit === "bytes"
      ? `The head is larger than ${plural(headerBytes, "byte")}`
      : `There are more than ${plural(headers, "header field")}`,
  );
}
