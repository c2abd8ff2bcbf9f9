import { type Alias, type Document, isScalar, visit } from "yaml";
import { rangeStart } from "./locator.ts";

/** What a document comes to, or why it comes to nothing. */
export type DocumentValue = { readonly input: unknown } | {
  readonly problem: { readonly severity: "error"; readonly message: string };
  /** Where in the text, in UTF-16 units. */
  readonly offset: number;
};

/** The document as a plain value, every alias (YAML 1.2, section 7.1) in the place of its own. */
export function valueOf(document: Document.Parsed): DocumentValue {
  const offset = protoKey(document);
  if (offset !== undefined) {
    const message = `unknown key "${PROTO}"`;
    return { problem: { severity: "error", message }, offset };
  }
  try {
    return { input: document.toJS() ?? {} };
  } catch (error) {
    // what the library throws for aliases: without an anchor, or too many at once
    if (!(error instanceof ReferenceError)) throw error;
    const { alias, known } = aliasToBlame(document);
    const name = alias?.source ?? "";
    const message = known
      ? `the aliases up to "*${name}" stand for too many values`
      : `there is no anchor "&${name}" above this${wildcardHint(name)}`;
    return { problem: { severity: "error", message }, offset: rangeStart(alias) ?? 0 };
  }
}

/** What a record of the schema leaves out without a word, as it is no key like others to objects. */
const PROTO = "__proto__";

/** Where the file has it for a key. */
function protoKey(document: Document.Parsed): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Pair: (_, { key }) => {
      if (!isScalar(key) || key.value !== PROTO) return undefined;
      offset = rangeStart(key);
      return visit.BREAK;
    },
  });
  return offset;
}

/** An asterisk in front begins an alias (YAML 1.2, section 7.1), also where a wildcard was meant. */
function wildcardHint(name: string): string {
  if (/^:\d+$/.test(name)) return `; every address is written as "${name}"`;
  return name.startsWith(".") || name === "" ? `; put a wildcard into quotes: "*${name}"` : "";
}

/** The first alias without an anchor; where there is none, the last. */
function aliasToBlame(document: Document.Parsed): { alias: Alias | undefined; known: boolean } {
  const found: { alias: Alias | undefined; known: boolean } = { alias: undefined, known: true };
  visit(document, {
    Alias: (_, alias) => {
      found.alias = alias;
      found.known = alias.resolve(document) !== undefined;
      return found.known ? undefined : visit.BREAK;
    },
  });
  return found;
}
