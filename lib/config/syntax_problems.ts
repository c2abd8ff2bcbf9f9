import { type Document, isMap, type LineCounter, visit } from "yaml";
import { lowerFirst, type Place, type Problem } from "./problem.ts";

/**
 * What a file that is no YAML is told: the library's words, but for mistakes that it words for
 * people who know YAML by heart. Those come with the way out.
 */
export function syntaxProblems(
  document: Document.Parsed,
  { text, lines }: { text: string; lines: LineCounter },
): Problem[] {
  const tooDeep = document.errors.find(({ code }) => code === "RESOURCE_EXHAUSTION");
  // of what is in there nothing is known
  if (tooDeep !== undefined) return [problem(placeAt(tooDeep.pos[0], lines), TOO_DEEP)];
  const nul = text.indexOf("\0");
  if (nul >= 0) return [problem(placeAt(nul, lines), NUL)];
  const faults = [...document.errors, ...document.warnings];
  const problems = faults.map(({ pos: [offset], code, message }): Problem => {
    const line = lineAt(text, offset);
    const tab = TAB.test(line.text) ? line.start + line.text.indexOf("\t") : undefined;
    if (tab !== undefined && (code === "TAB_AS_INDENT" || code === "BAD_INDENT")) {
      return problem(placeAt(tab, lines), TABS);
    }
    const alias = code === "BAD_ALIAS" || code === "UNEXPECTED_TOKEN"
      ? ALIAS.exec(line.text)
      : null;
    const v6 = code === "MISSING_CHAR" || code === "UNEXPECTED_TOKEN"
      ? IPV6.exec(line.text)?.[1]
      : undefined;
    if (v6 !== undefined) {
      return problem(placeAt(line.start + line.text.indexOf(v6), lines), QUOTE_V6 + `"${v6}"`);
    }
    if (/^Missing closing ["']quote$/.test(message)) {
      return problem(placeAt(openQuote(document, offset), lines), OPEN_QUOTE);
    }
    if (alias !== null) {
      const at = line.start + alias.index + alias[0].length - (alias[1] as string).length;
      return problem(placeAt(at, lines), quote(alias[1] as string));
    }
    const place = placeAt(offset, lines);
    switch (code) {
      case "MULTIPLE_DOCS":
        return problem(place, "a second document begins here; a configuration is one");
      case "DUPLICATE_KEY":
        return problem(place, duplicateKey(document, offset, lines));
      case "TAG_RESOLVE_FAILED":
        return problem(place, unknownTag(message));
      case "BAD_SCALAR_START":
        return problem(place, `${lowerFirst(message)}; quote the text`);
      default:
        if (message === BRACE) return problem(place, QUOTE_BRACE);
        return problem(place, lowerFirst(message));
    }
  });
  // what these have put out of order is not wrong by itself
  const causes = problems.filter(({ message }) =>
    [TABS, OPEN_QUOTE, QUOTE_BRACE].includes(message) || message.startsWith(QUOTE_V6)
  );
  return unique(causes.length > 0 ? causes : problems);
}

const TOO_DEEP = "what stands here is nested too deep";
/** What a file system may leave of a file that was being written as the power failed. */
const NUL = "a NUL byte stands here: the file is damaged";
const TABS = "tabs are not allowed as indentation; write spaces";
const OPEN_QUOTE = "the quote that begins here is not closed";
const QUOTE_V6 = "a bracket begins a list; put an address of IPv6 into quotes: ";
/** What the library says of a brace amid text in a map or a list in one line. */
const BRACE = "Unexpected flow-map-start at node end";
const QUOTE_BRACE = "a brace begins a map; put text that has one into quotes";
/** An alias (YAML 1.2, section 7.1) that was most likely meant as text. @param text from its `*` on */
function quote(text: string): string {
  return `an asterisk begins an alias; put a wildcard into quotes: "${text}"`;
}

/** Tags are what programs make of them (YAML 1.2, section 6.8.1), and this one makes nothing. */
function unknownTag(message: string): string {
  const [, tag] = /^Unresolved tag: (\S+)$/.exec(message) ?? [];
  if (tag === undefined) return lowerFirst(message);
  return `there is no tag "${tag}" here; put a text that begins with ! into quotes`;
}

/** A line that is indented by a tab. */
const TAB = /^ *\t/;
/** What begins with an asterisk where a value may begin. */
const ALIAS = /(?:^|[\s[{,])(\*[^\s,\]}]*)/;

/** An address where a value may begin. */
const IPV6 = /(?:^|[\s[{,])(\[[\da-f.]*:[\da-f:.]*\]:\d+)/i;

/** Where the text in quotes begins that ends with the file. */
function openQuote(document: Document.Parsed, end: number): number {
  let begin = end;
  visit(document, {
    Scalar: (_, { type, range }) => {
      if (type?.startsWith("QUOTE") && range?.[1] === end) begin = range[0];
    },
  });
  return begin;
}

/** Where the same key stands before. */
function duplicateKey(document: Document.Parsed, offset: number, lines: LineCounter): string {
  let message = "map keys must be unique, and this one stands here again";
  visit(document, {
    Map: (_, map) => {
      const keys = map.items.map(({ key }) => key as { range?: readonly number[] } | null);
      const second = keys.find((key) => key?.range?.[0] === offset);
      if (second === undefined) return undefined;
      const name = String(second);
      const first = isMap(map) ? keys.find((key) => String(key) === name) : undefined;
      const { line } = placeAt(first?.range?.[0] ?? 0, lines);
      message = `map keys must be unique, and "${name}" stands here again; put all of it below ` +
        `the first, in line ${line}`;
      return visit.BREAK;
    },
  });
  return message;
}

function lineAt(text: string, offset: number): { start: number; text: string } {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  return { start, text: text.slice(start, end < 0 ? undefined : end) };
}

function placeAt(offset: number, lines: LineCounter): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function problem(place: Place, message: string): Problem {
  return { severity: "error", place, message };
}

function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ place: { line, column }, message }) => {
    const id = `${line}:${column} ${message}`;
    return !seen.has(id) && seen.add(id);
  });
}
