import { ProxyError } from "../core/errors.ts";
import type { HeadLimits } from "../http/limits.ts";
import { plural } from "../core/plural.ts";
import type { ListLimits } from "./hpack/decoder.ts";
import type { Http2ResponseHead } from "./response_head.ts";

/** Why an answer is over a limit, by the codes that HTTP/1.1 has for it; undefined where it is not. */
export function judgeAnswer(
  { fields, length }: Http2ResponseHead,
  limits: HeadLimits,
): ProxyError | undefined {
  const lengthLine = length === undefined
    ? 0
    : "content-length: \r\n".length + String(length).length;
  let bytes = STATUS_LINE_BYTES + lengthLine + END_BYTES;
  for (const { line } of fields) bytes += line.length;
  if (bytes > limits.headerBytes) return answerTooLarge("bytes", limits);
  const lines = fields.length + (length === undefined ? 0 : 1);
  return lines > limits.headers ? answerTooLarge("fields", limits) : undefined;
}

/** What an answer is that is over a limit. @param limit which one */
export function answerTooLarge(
  limit: keyof ListLimits,
  { headerBytes, headers }: HeadLimits,
): ProxyError {
  return limit === "bytes"
    ? new ProxyError("answer_too_large", `The head is larger than ${plural(headerBytes, "byte")}`)
    : new ProxyError(
      "answer_has_too_many_fields",
      `There are more than ${plural(headers, "header field")}`,
    );
}

/** `HTTP/1.1 200 ` and its line's end: a reason is not said in HTTP/2. */
const STATUS_LINE_BYTES = 15;
const END_BYTES = 2;
