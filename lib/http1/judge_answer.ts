import { ProxyError } from "../core/errors.ts";
import type { ResponseHead } from "../http/message.ts";
import { type Framing, responseFraming } from "./framing.ts";
import { switchesTo } from "./upgrade.ts";

/** What an answer is to. */
export interface Asked {
  readonly method: string;
  /** The protocols that the request asks for. */
  readonly upgrade?: readonly string[] | undefined;
}

/** An answer's head, and what follows from it. */
export interface JudgedAnswer {
  readonly head: ResponseHead;
  readonly framing: Framing;
}

/**
 * What an answer that is well-formed means to a request.
 *
 * @throws {ProxyError} `bad_response`
 */
export function judgeAnswer(head: ResponseHead, { method, upgrade }: Asked): JudgedAnswer {
  const framing = responseFraming(head, method);
  if (head.status === 101 && !switchesTo(head, upgrade)) {
    throw new ProxyError("bad_response", "The server switched protocols, unasked");
  }
  return { head, framing };
}
