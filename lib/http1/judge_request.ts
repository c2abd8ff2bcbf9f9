import { bodyTooLarge } from "../http/body_limit.ts";
import { checkExpectation } from "../http/expect.ts";
import type { RequestHead } from "../http/message.ts";
import { type RequestTarget, requestTarget } from "../http/target.ts";
import { type Framing, requestFraming } from "./framing.ts";
import { requestedUpgrade } from "./upgrade.ts";

/** A request's head, and what follows from it. */
export interface JudgedRequest {
  readonly head: RequestHead;
  readonly target: RequestTarget;
  readonly framing: Framing;
  /** The protocols that it asks to go on with; undefined where it is to be served as HTTP. */
  readonly upgrade: readonly string[] | undefined;
  /** Bytes of the head on the wire. */
  readonly size: number;
}

/**
 * What a request that is well-formed asks for: where it wants to go, and how its body is delimited.
 *
 * @param maxBody bytes that its body may have
 * @throws {ProxyError} for what is contradictory, too large or not allowed
 */
export function judgeRequest(
  head: RequestHead,
  { size, maxBody }: { size: number; maxBody: number },
): JudgedRequest {
  const target = requestTarget(head);
  const framing = requestFraming(head);
  const upgrade = requestedUpgrade(head, framing);
  checkExpectation(head);
  // a length that is too large is refused before any of the body
  if (framing.kind === "length" && framing.length > maxBody) throw bodyTooLarge(maxBody);
  return { head, target, framing, upgrade, size };
}
