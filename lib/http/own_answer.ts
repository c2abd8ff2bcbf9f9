import { dateField } from "./date.ts";
import { type Field, field } from "./field.ts";

/** An answer that the proxy gives by itself, whole and in no framing. */
export interface OwnAnswer {
  readonly status: number;
  /**
   * Without those of framing and of the connection, `Content-Length` and `Date`: who renders it adds
   * them.
   */
  readonly fields: readonly Field[];
  /** Empty for none; whoever answers a HEAD request leaves it away. */
  readonly body: Uint8Array;
}

export const NO_BODY_BYTES: Uint8Array = new Uint8Array(0);

/**
 * The fields of an answer as it goes: with `Date`, where no rule has set one (RFC 9110, section
 * 6.6.1), and with the body's length, but for what has none by definition (section 8.6).
 *
 * @param now milliseconds since 1970
 */
export function ownAnswerFields({ status, fields, body }: OwnAnswer, now: number): Field[] {
  const isDated = fields.some(({ key }) => key === "date");
  const hasLength = status !== 204 && status !== 304;
  return [
    ...fields,
    ...(isDated ? [] : [dateField(now)]),
    ...(hasLength ? [field("Content-Length", String(body.length))] : []),
  ];
}
