import type { OwnAnswer } from "../http/own_answer.ts";
import { field } from "../http/field.ts";
import { encodeResponseHead } from "./head.ts";

/** The bytes of an answer of the proxy's own that has no body. */
export function bodilessResponse(
  { status, fields }: OwnAnswer,
  { reason, keepAlive }: { reason: string; keepAlive: boolean },
): Uint8Array {
  const framing = [
    field("Content-Length", "0"),
    ...(keepAlive ? [] : [field("Connection", "close")]),
  ];
  return encodeResponseHead({ status, reason, fields: [...fields, ...framing] });
}
