import { encodeLatin1, writeLatin1 } from "../core/latin1.ts";
import { type Field, field } from "../http/field.ts";
import { type OwnAnswer, ownAnswerFields } from "../http/own_answer.ts";
import { reasonOf } from "../http/status.ts";
import { responseHeadText } from "./head.ts";

/** What of the request and of its connection an answer of the proxy's own depends on. */
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

/** Bytes of a body that go as one piece with the head. */
const MAX_JOINED_BYTES = 16 * 1024;

/**
 * An answer of the proxy's own as pieces to be written in turn, with `Date` (RFC 9110, section 6.6.1).
 * A long body is a piece as it is: many clients that take it slowly would each have a copy.
 */
export function ownAnswerPieces(answer: OwnAnswer, terms: OwnAnswerTerms): readonly Uint8Array[] {
  const { body } = answer;
  if (terms.method === "HEAD" || body.length <= MAX_JOINED_BYTES) {
    return [encodeOwnAnswer(answer, terms)];
  }
  return [encodeLatin1(ownHeadText(answer, terms)), body];
}

/** The same as one piece. */
export function encodeOwnAnswer(answer: OwnAnswer, terms: OwnAnswerTerms): Uint8Array {
  const { body } = answer;
  const head = ownHeadText(answer, terms);
  const hasBody = terms.method !== "HEAD";
  const bytes = new Uint8Array(head.length + (hasBody ? body.length : 0));
  writeLatin1(head, bytes, 0);
  if (hasBody) bytes.set(body, head.length);
  return bytes;
}

function ownHeadText(answer: OwnAnswer, { minor = 1, keepAlive, now }: OwnAnswerTerms): string {
  const { status } = answer;
  return responseHeadText({ status, reason: reasonOf(status) }, [
    ...ownAnswerFields(answer, now ?? Date.now()),
    ...connectionFields(minor, keepAlive),
  ]);
}

/** HTTP/1.0 waits for the end of a connection that nobody says goes on (RFC 9112, appendix C.2.2). */
function connectionFields(minor: 0 | 1, keepAlive: boolean): readonly Field[] {
  if (!keepAlive) return [field("Connection", "close")];
  return minor === 0 ? [field("Connection", "keep-alive")] : [];
}
