import { withoutBlanks } from "../http/without_blanks.ts";

/** How much a stream's answer matters beside others (RFC 9218, section 4). */
export interface Priority {
  /** 0 to 7; the lowest comes first. */
  readonly urgency: number;
  /** Whether streams of this urgency take turns; otherwise they come one after the other. */
  readonly incremental: boolean;
}

/**
 * Of a stream of which nobody says anything. The RFC would have such streams come one after the
 * other; they take turns here, as clients that know no priorities expect: a small answer is not to
 * wait for all the downloads that were asked for before it.
 */
export const NO_PRIORITY: Priority = { urgency: 3, incremental: true };

/**
 * Reads a `priority` field or the value of a PRIORITY_UPDATE: a dictionary of structured fields, of
 * which `u` and `i` matter. What is malformed or unknown counts as not there (section 4).
 */
export function parsePriority(value: string): Priority {
  let urgency = 3;
  let incremental = false;
  for (const member of value.split(",")) {
    const { key, given } = readMember(member);
    if (key === "u" && given !== undefined && URGENCY.test(given)) urgency = Number(given);
    else if (key === "i" && (given === undefined || given === "?1")) incremental = true;
    else if (key === "i" && given === "?0") incremental = false;
  }
  return { urgency, incremental };
}

/** A member and its value, undefined where it has none; parameters behind them are of no matter. */
function readMember(member: string): { key: string; given: string | undefined } {
  const [said = ""] = member.split(";", 1);
  const text = withoutBlanks(said);
  const equals = text.indexOf("=");
  return equals < 0
    ? { key: text, given: undefined }
    : { key: text.slice(0, equals), given: text.slice(equals + 1) };
}

const URGENCY = /^[0-7]$/;
