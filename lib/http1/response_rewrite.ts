import { type Framing, framingFields } from "./framing.ts";
import { dateField } from "../http/date.ts";
import { type Field, field, hasRole, valuesOf } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";
import { endToEndAnswerFields } from "../http/hop_fields.ts";
import type { JudgedAnswer } from "./judge_answer.ts";
import { upgradeFields, upgradeLines } from "./upgrade.ts";
import { appendVia } from "../http/via.ts";

/** What the client's side of an answer depends on. */
export interface ClientSide {
  readonly method: string;
  /** The client's HTTP minor version. */
  readonly minor: 0 | 1;
  /** Whether the client's connection is to go on after this answer. */
  readonly keepAlive: boolean;
  /** Whether `Via` is written (RFC 9110, section 7.6.3). */
  readonly via?: boolean;
}

/** An answer as the client gets it. */
export interface ClientAnswer {
  readonly fields: readonly Field[];
  /** How the body is delimited towards the client. */
  readonly framing: Framing;
  readonly keepAlive: boolean;
}

/**
 * An answer's fields and framing for the client. Where a server demands another protocol it says
 * which (RFC 9110, section 15.5.22). A body whose length is not known is chunked, so that the
 * connection goes on and a body cut short shows; HTTP/1.0 knows no chunks, so there the end of the
 * connection ends it (RFC 9112, section 6.3). An answer without `Date` gets that of `now`, in
 * milliseconds since 1970 (RFC 9110, section 6.6.1).
 */
export function clientAnswer(
  answer: JudgedAnswer,
  client: ClientSide,
  now: number,
): ClientAnswer {
  const framing = clientFraming(answer.framing, client.minor);
  const keepAlive = client.keepAlive && framing.kind !== "until_close";
  const fields = endToEndAnswerFields(answer.head);
  const isDated = hasRole(fields, ROLE.date);
  fields.push(...lengthWithoutBody(answer, client), ...framingFields(framing));
  if (!isDated) fields.push(dateField(now));
  if (client.via === true) appendVia(fields, `1.${answer.head.minor}`);
  const upgrade = answer.head.status === 426 ? upgradeLines(answer.head.fields) : [];
  if (upgrade.length > 0) fields.push(...upgradeFields(upgrade));
  if (!keepAlive) fields.push(CLOSE);
  else if (client.minor === 0) fields.push(KEEP_ALIVE);
  return { fields, framing, keepAlive };
}

const CLOSE = field("Connection", "close");
const KEEP_ALIVE = field("Connection", "keep-alive");

function clientFraming(framing: Framing, minor: 0 | 1): Framing {
  switch (framing.kind) {
    case "none":
    case "length":
      return framing;
    case "chunked":
    case "until_close":
      return minor === 1 ? { kind: "chunked" } : { kind: "until_close" };
  }
}

/**
 * HEAD and 304 tell the length of the body they do not have (RFC 9110, section 8.6); 204 has none
 * to tell of, and HTTP/1.0 is never told of a transfer coding (RFC 9112, section 6.1).
 */
function lengthWithoutBody(
  { head, framing }: JudgedAnswer,
  { method, minor }: ClientSide,
): Field[] {
  if (framing.kind !== "none" || head.status === 204) return [];
  if (method !== "HEAD" && head.status !== 304) return [];
  const [length] = valuesOf(head.fields, "content-length");
  if (length !== undefined) return [field("Content-Length", length)];
  const chunked = minor === 1 && valuesOf(head.fields, "transfer-encoding").length > 0;
  return chunked ? [field("Transfer-Encoding", "chunked")] : [];
}
