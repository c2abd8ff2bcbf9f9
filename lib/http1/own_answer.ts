import { writeLatin1 } from "../core/latin1.ts";
import { type Field, field } from "../http/field.ts";
import { type OwnAnswer, ownAnswerFields } from "../http/own_answer.ts";
import { reasonOf } from "../http/status.ts";
import { responseHeadText } from "./head.ts";

export interface OwnAnswerTerms {
  /** The request's method, where it is known: HEAD gets no body. */
  readonly method: string | undefined;
  /** The client's HTTP minor version; 1 by default. */
  readonly minor?: 0 | 1;
  /** Whether the client's connection goes on afterwards. */
  readonly keepAlive: boolean;
  /** Milliseconds since 1970, where it is not the clock that says so. */
  readonly now?: number;
}

/** The bytes of an answer of the proxy's own, with `Date` (RFC 9110, section 6.6.1). */
export function encodeOwnAnswer(
  answer: OwnAnswer,
  { method, minor = 1, keepAlive, now }: OwnAnswerTerms,
): Uint8Array {
  const { status, body } = answer;
  const head = responseHeadText({ status, reason: reasonOf(status) }, [
    ...ownAnswerFields(answer, now ?? Date.now()),
    ...connectionFields(minor, keepAlive),
  ]);
  const hasBody = method !== "HEAD";
  const bytes = new Uint8Array(head.length + (hasBody ? body.length : 0));
  writeLatin1(head, bytes, 0);
  if (hasBody) bytes.set(body, head.length);
  return bytes;
}

/** HTTP/1.0 waits for the end of a connection that nobody says goes on (RFC 9112, appendix C.2.2). */
function connectionFields(minor: 0 | 1, keepAlive: boolean): readonly Field[] {
  if (!keepAlive) return [field("Connection", "close")];
  return minor === 0 ? [field("Connection", "keep-alive")] : [];
}
