import { isScalar, LineCounter, type ParsedNode, parseDocument } from "yaml";
import type * as z from "zod";
import type { Config } from "./config.ts";
import { valueOf } from "./document_value.ts";
import { isWithin, type KeyPath } from "./key_path.ts";
import { Locator } from "./locator.ts";
import { mend } from "./mend.ts";
import { mistakesOf } from "./mistakes.ts";
import type { Place, Problem, SourceFile } from "./problem.ts";
import { resolvePaths } from "./resolve_paths.ts";
import { syntaxProblems } from "./syntax_problems.ts";
import { YAML_SCHEMA } from "./yaml_schema.ts";

/** What a file says, and where. */
export interface ParsedFile {
  /** Undefined where the file has errors. */
  readonly config: Config | undefined;
  /**
   * The configuration without what is wrong in its form, for finding more that is wrong; undefined
   * where not even that can be had. It is not for use, unless it is `config`.
   */
  readonly draft: Config | undefined;
  /** Where the draft is not what the file says. */
  readonly broken: readonly KeyPath[];
  readonly problems: readonly Problem[];
  /** The place of a value, or of the nearest one around it that is in the file. */
  readonly locate: (path: KeyPath) => Place;
  /** Whether the file itself says anything there. */
  readonly says: (path: KeyPath) => boolean;
}

/** Reads a configuration file's text: every mistake of its form at once, each with its place. */
export function parseConfig({ path, text }: SourceFile): ParsedFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: isSameKey,
    // what it would warn of is an error here, with a place
    logLevel: "error",
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const locator = new Locator(document.contents, placeAt);
  const locate = (keys: KeyPath) => locator.value(keys);
  const says = (keys: KeyPath) => locator.has(keys);

  if (document.errors.length + document.warnings.length > 0) {
    const problems = syntaxProblems(document, { text, lines });
    return { config: undefined, draft: undefined, broken: [], problems, locate, says };
  }
  const value = valueOf(document);
  if ("problem" in value) {
    const problems = [{ ...value.problem, place: placeAt(value.offset) }];
    return { config: undefined, draft: undefined, broken: [], problems, locate, says };
  }
  const { data, problems, broken } = parseMended(value.input, locator);
  const draft = data && resolvePaths(data, path);
  return {
    config: problems.length === 0 ? draft : undefined,
    draft,
    broken,
    problems,
    locate,
    says,
  };
}

/** Two keys are one where they are the same as text: `502` is `"502"` to who reads the value. */
function isSameKey(a: ParsedNode, b: ParsedNode): boolean {
  return a === b || (isScalar(a) && isScalar(b) && String(a.value) === String(b.value));
}

/** Rounds of taking out what is wrong: what is refined is looked at once its parts are right. */
const MAX_ROUNDS = 5;

/** Parses a value; where it is wrong, what is left of it without that, and so on. */
function parseMended(input: unknown, locator: Locator): {
  data: z.output<typeof YAML_SCHEMA> | undefined;
  problems: Problem[];
  broken: KeyPath[];
} {
  const problems: Problem[] = [];
  const broken: KeyPath[] = [];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const parsed = YAML_SCHEMA.safeParse(input, { reportInput: true });
    if (parsed.success) return { data: parsed.data, problems, broken };
    const mistakes = mistakesOf(parsed.error.issues, locator)
      .filter(({ path }) => !broken.some((other) => isWithin(path, other)));
    problems.push(...mistakes.map(({ problem }) => problem));
    // from behind, so that an index still means what it meant
    const mended = mistakes.toReversed().map(({ path }) => mend(input, path));
    broken.push(...mistakes.map(({ path }) => path));
    if (!mended.includes(true)) break;
  }
  return { data: undefined, problems, broken };
}
