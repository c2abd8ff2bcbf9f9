import { ProxyError } from "../core/errors.ts";
import { checkExpectation } from "../http/expect.ts";
import type { RequestHead } from "../http/message.ts";
import { requestTarget } from "../http/target.ts";
import { requestFraming } from "./framing.ts";
import type { RequestHeadPart } from "./request_decoder.ts";
import { requestedUpgrade } from "./upgrade.ts";

/**
 * What a request that is well-formed asks for: where it wants to go, and how its body is delimited.
 *
 * @param maxBody bytes that its body may have
 * @throws {ProxyError} for what is contradictory, too large or not allowed
 */
export function judgeRequest(
  head: RequestHead,
  { size, maxBody }: { size: number; maxBody: number },
): RequestHeadPart {
  const target = requestTarget(head);
  const framing = requestFraming(head);
  const upgrade = requestedUpgrade(head, framing);
  checkExpectation(head);
  // a length that is too large is refused before any of the body
  if (framing.kind === "length" && framing.length > maxBody) throw bodyTooLarge(maxBody);
  return { kind: "head", head, target, framing, upgrade, size };
}

export function bodyTooLarge(maxBody: number): ProxyError {
  return new ProxyError("body_too_large", `The body is larger than ${maxBody} bytes`);
}
