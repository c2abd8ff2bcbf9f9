import { formatAddress } from "../core/address.ts";
import type { ProxyEvent, RequestServed } from "../core/event.ts";
import { isoTime } from "./line_time.ts";
import { type EventLevel, formatEvent, formatValue, lineOf, type Pair } from "./text_format.ts";

/** Puts a text into a colour; the identity where there are to be none. */
export type Paint = (colour: Colour, text: string) => string;

/** What a terminal of eight colours can show. */
export type Colour = "dim" | "red" | "green" | "yellow" | "cyan" | "bold";

/** SGR parameters (ECMA-48, section 8.3.117). */
const CODES: Readonly<Record<Colour, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  cyan: 36,
};

/** Paints by escape sequences, or not at all (https://no-color.org). */
export function painter(coloured: boolean): Paint {
  return coloured ? (colour, text) => `\x1b[${CODES[colour]}m${text}\x1b[0m` : (_, text) => text;
}

/** The event as a line for a person at a terminal: short, and what matters first. */
export function formatForTerminal(
  event: ProxyEvent,
  level: EventLevel,
  { now, paint }: { now: number; paint: Paint },
): string {
  return `${paint("dim", isoTime(now).slice(11, -1))} ${lineFor(event, level, paint)}`;
}

function lineFor(event: ProxyEvent, level: EventLevel, paint: Paint): string {
  if (event.kind === "request") return requestLine(event, paint);
  const { text } = formatEvent(event);
  switch (event.kind) {
    case "handshake":
    case "passthrough":
      return paint("dim", text);
    case "connection_end":
      return event.error === undefined ? paint("dim", text) : text;
    case "listener_trouble":
      return paint("red", `${text} on ${formatAddress(event.listen)}`);
    default:
      return level === "warning" ? paint("yellow", text) : text;
  }
}

function requestLine(event: RequestServed, paint: Paint): string {
  const pairs = new Map<string, Pair[1]>(lineOf(event).pairs);
  // what a peer sent goes through the one function that escapes it
  const value = (key: string) => formatValue(pairs.get(key));
  const status = paint(statusColour(event.status), String(event.status));
  const why = event.error === undefined ? "" : ` ${paint("red", value("reason"))}`;
  return `${status} ${paint("bold", value("method"))} ${value("host")}${value("target")} ` +
    `${paint("cyan", value("time"))} ${
      paint("dim", `${value("peer")} -> ${value("server")}`)
    }${why}`;
}

function statusColour(status: number): Colour {
  return status >= 500 || status === 0 ? "red" : status >= 400 ? "yellow" : "green";
}
