import { ProxyError } from "../core/errors.ts";
import { checkExpectation } from "../http/expect.ts";
import { ROLE } from "../http/field_name.ts";
import type { Http2RequestHead } from "./request_head.ts";

/** What requests may take, as HTTP/1.1 would write them. */
export interface Http2RequestLimits {
  /** Bytes of a head, request line included. */
  readonly headerBytes: number;
  /** Field lines of a head. */
  readonly headers: number;
  /** Bytes of a body; 0 or nothing is no limit. */
  readonly body?: number;
}

/**
 * Judges a request that is well-formed, or whose head is cut, as one of HTTP/1.1 is judged.
 *
 * @throws {ProxyError} for what is too large or not allowed
 */
export function judgeRequest(head: Http2RequestHead, limits: Http2RequestLimits): void {
  const { method, path, protocol, fields, roles, length = 0, bytes } = head;
  const { headerBytes, headers, body } = limits;
  if (head.isCut) throw tooLarge(limits);
  if (path.length > headerBytes) {
    throw new ProxyError(
      "target_too_long",
      `The request target is longer than ${headerBytes} bytes`,
    );
  }
  if (bytes + path.length > headerBytes) throw tooLarge(limits);
  if (fields.length > headers) {
    throw new ProxyError("head_too_large", `There are more than ${headers} header fields`);
  }
  if (method === "TRACE" || (method === "CONNECT" && protocol === undefined)) {
    throw new ProxyError("method_not_allowed", `${method} is not allowed here`);
  }
  if (protocol !== undefined && protocol.toLowerCase() !== "websocket") {
    throw new ProxyError("method_not_allowed", "CONNECT is for WebSocket alone here");
  }
  if ((roles & ROLE.expect) !== 0) checkExpectation({ minor: 1, fields });
  if (body !== undefined && body > 0 && length > body) {
    throw new ProxyError("body_too_large", `The body is larger than ${body} bytes`);
  }
}

function tooLarge({ headerBytes }: Http2RequestLimits): ProxyError {
  return new ProxyError("head_too_large", `The head is larger than ${headerBytes} bytes`);
}
