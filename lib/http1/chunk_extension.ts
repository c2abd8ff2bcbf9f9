import { CR, HTAB, SP, TOKEN } from "../http/grammar.ts";

/**
 * Reads the extensions of one chunk, byte by byte, from behind the first semicolon to the CR that
 * ends their line (RFC 9112, section 7.1.1): names, and maybe values, that are tokens or quoted
 * strings, with blanks where the grammar has them (BWS). Nobody here goes by one; they are read
 * because what is taken for an extension by one reader and for data by the next smuggles requests.
 */
export class ChunkExtension {
  #state: State = "start";

  /** @returns "end" with the CR; "bad" for what no extension holds there */
  feed(byte: number): "more" | "end" | "bad" {
    const next = NEXT[this.#state][KINDS[byte] as Kind];
    if (next === undefined) return "bad";
    if (next === "end") return "end";
    this.#state = next;
    return "more";
  }
}

type Kind =
  | "token"
  | "blank"
  | "equals"
  | "semicolon"
  | "quote"
  | "backslash"
  | "cr"
  /** May stand in a quoted string alone. */
  | "quotable"
  | "forbidden";

type State =
  /** A name is due. */
  | "start"
  | "name"
  | "behind_name"
  /** A value is due. */
  | "value_start"
  | "value"
  | "quoted"
  | "escaped"
  | "behind_quoted"
  | "behind_value";

/** What comes behind what; where nothing stands, nothing may come. */
const NEXT: Readonly<Record<State, Readonly<Partial<Record<Kind, State | "end">>>>> = {
  start: { blank: "start", token: "name" },
  name: {
    token: "name",
    blank: "behind_name",
    equals: "value_start",
    semicolon: "start",
    cr: "end",
  },
  behind_name: { blank: "behind_name", equals: "value_start", semicolon: "start" },
  value_start: { blank: "value_start", token: "value", quote: "quoted" },
  value: { token: "value", blank: "behind_value", semicolon: "start", cr: "end" },
  quoted: {
    ...{ token: "quoted", blank: "quoted", equals: "quoted", semicolon: "quoted" },
    ...{ quotable: "quoted", backslash: "escaped", quote: "behind_quoted" },
  },
  escaped: {
    ...{ token: "quoted", blank: "quoted", equals: "quoted", semicolon: "quoted" },
    ...{ quotable: "quoted", backslash: "quoted", quote: "quoted" },
  },
  behind_quoted: { blank: "behind_value", semicolon: "start", cr: "end" },
  behind_value: { blank: "behind_value", semicolon: "start" },
};

const KINDS: readonly Kind[] = Array.from({ length: 256 }, (_, byte) => kindOf(byte));

function kindOf(byte: number): Kind {
  const character = String.fromCharCode(byte);
  if (TOKEN.test(character)) return "token";
  switch (character) {
    case "=":
      return "equals";
    case ";":
      return "semicolon";
    case '"':
      return "quote";
    case "\\":
      return "backslash";
  }
  if (byte === CR) return "cr";
  if (byte === SP || byte === HTAB) return "blank";
  return byte > SP && byte !== 0x7f ? "quotable" : "forbidden";
}
