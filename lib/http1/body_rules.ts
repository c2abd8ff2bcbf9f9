import type { ErrorCode } from "../core/errors.ts";
import { ROLE } from "../http/field_name.ts";
import { namedByConnection } from "../http/hop_fields.ts";
import type { HeadLimits } from "../http/limits.ts";
import type { RequestFacts } from "../http/message.ts";
import type { FieldError } from "./head.ts";

/** Whom to blame, and how much to take. */
export interface BodyRules {
  readonly malformed: ErrorCode;
  readonly field: FieldError;
  /** For an end of input before the end of the body. */
  readonly truncated: ErrorCode;
  readonly maxTrailerBytes: number;
  readonly maxTrailers: number;
  /** For a trailer section over `maxTrailerBytes`, where that is another than `malformed`. */
  readonly trailersTooLarge?: ErrorCode;
  /** Names of trailers that go no further, as `namedByConnection` gives them. */
  readonly named?: ReadonlySet<string> | undefined;
  /** Whether blanks may stand behind a chunk's size, as some servers write them. */
  readonly blanksBehindSize?: boolean;
}

/** Of requests: a trailer section may take as much as a head. */
export function requestBodyRules({ headerBytes, headers }: HeadLimits): BodyRules {
  return {
    malformed: "bad_chunk",
    field: "bad_field",
    truncated: "truncated_request",
    maxTrailerBytes: headerBytes,
    maxTrailers: headers,
  };
}

/**
 * Of answers. Blanks behind a chunk's size are what every peer takes, and the next reader gets sizes
 * of our own making.
 */
export function answerBodyRules({ headerBytes, headers }: HeadLimits): BodyRules {
  return {
    malformed: "bad_response",
    field: "bad_response",
    truncated: "truncated_response",
    maxTrailerBytes: headerBytes,
    maxTrailers: headers,
    trailersTooLarge: "answer_too_large",
    blanksBehindSize: true,
  };
}

/** The same of a message in chunks, whose `Connection` may name trailers that go no further. */
export function withNamedTrailers(
  rules: BodyRules,
  message: Pick<RequestFacts, "has" | "values">,
): BodyRules {
  if (!message.has(ROLE.connection)) return rules;
  return { ...rules, named: namedByConnection(message.values("connection")) };
}
