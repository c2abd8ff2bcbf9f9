import type * as z from "zod";
import type { KeyPath } from "./key_path.ts";
import { knownKeys } from "./known_keys.ts";
import type { Locator } from "./locator.ts";
import { lowerFirst, type Place, type Problem } from "./problem.ts";
import { nearest } from "./suggest.ts";

/** As the schema tells one. */
type Issue = z.core.$ZodIssue;

/** A mistake of form: what is to be said of it, and what would have to go. */
export interface Mistake {
  readonly path: KeyPath;
  readonly problem: Problem;
}

/** What the schema has found wrong, each mistake once. */
export function mistakesOf(issues: readonly Issue[], locator: Locator): Mistake[] {
  return mistakesWithin(issues, [], locator);
}

function mistakesWithin(issues: readonly Issue[], base: KeyPath, locator: Locator): Mistake[] {
  return withoutEchoes(issues).flatMap((issue) => mistakesIn(issue, base, locator));
}

function mistakesIn(issue: Issue, base: KeyPath, locator: Locator): Mistake[] {
  const path = [...base, ...issue.path.map((key) => typeof key === "symbol" ? "" : key)];
  const mistake = (path: KeyPath, place: Place, message: string): Mistake => ({
    path,
    problem: { severity: "error", place, message },
  });
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      mistake([...path, key], locator.key(path, key), unknownKey(key, path))
    );
  }
  if (issue.code === "invalid_union") {
    const forms = issue.errors.map(formMissed);
    if (forms.every((form) => form !== undefined)) {
      const message = `${nameOf(path)} must be ${spelledOnce(forms).join(" or ")}`;
      return [mistake(path, locator.value(path), message)];
    }
    const branch = branchMeant(issue.errors, issue.input);
    if (branch !== undefined) return mistakesWithin(branch, path, locator);
  }
  if (issue.code === "invalid_key") {
    const key = String(issue.path.at(-1));
    const [inner] = issue.issues;
    // the schema's own words, where it has some
    const message = inner === undefined || inner.message.startsWith("Invalid")
      ? `"${key}" is not a name: 1 to 64 of letters, digits, "_", "." and "-"`
      : `"${key}": ${inner.message}`;
    return [mistake(path, locator.key(path.slice(0, -1), key), message)];
  }
  return [mistake(path, locator.value(path), describe(issue, path))];
}

/** One mistake once: text in the place of a list is also too short for one, say. */
function withoutEchoes(issues: readonly Issue[]): readonly Issue[] {
  return issues.filter((issue) =>
    !issues.some((other) =>
      other !== issue && outdoes(other, issue) && other.path.join("\0") === issue.path.join("\0")
    )
  );
}

function outdoes(other: Issue, issue: Issue): boolean {
  if (issue.code !== "too_small" && issue.code !== "too_big") return false;
  return other.code === "invalid_type" ||
    other.code === "too_big" && issue.code === "too_big" && other.maximum < issue.maximum;
}

/** What one shape of several would take, where the value is nothing of that kind. */
function formMissed([issue]: readonly Issue[]): string | undefined {
  if (issue === undefined || issue.path.length > 0) return undefined;
  if (issue.code === "invalid_value") return anyOf(issue.values);
  return issue.code === "invalid_type" ? kindOf(issue) : undefined;
}

/** Without what is there already, with quotes or without. */
function spelledOnce(forms: readonly string[]): string[] {
  const bare = forms.map((form) => form.replaceAll('"', ""));
  return forms.filter((_, index) => bare.indexOf(bare[index] as string) === index);
}

/** As a file has them: what is text may be in quotes, what is not text must not. */
function anyOf(values: readonly unknown[]): string {
  return values.map((value) => typeof value === "string" ? `"${value}"` : String(value))
    .join(" or ");
}

/** What a message calls a value: one in a list is not the list. */
function nameOf(path: KeyPath): string {
  const name = `"${path.filter((key) => typeof key === "string").at(-1) ?? "the file"}"`;
  return typeof path.at(-1) === "number" ? `an entry of ${name}` : name;
}

/**
 * Of several shapes, the one the user has most likely meant: right in kind, fewest mistakes; the first
 * where none knows any key of it, as what each lacks says nothing then.
 */
function branchMeant(
  branches: readonly (readonly Issue[])[],
  input: unknown,
): readonly Issue[] | undefined {
  const ofRightKind = branches.filter((issues) =>
    !issues.some(({ code, path }) =>
      path.length === 0 && (code === "invalid_type" || code === "invalid_value")
    )
  );
  const isStrange = ofRightKind.every((issues) => knowsNothing(issues, input));
  const meant = isStrange
    ? ofRightKind
    : [...ofRightKind].sort((a, b) => weightOf(a) - weightOf(b));
  return meant[0] ?? branches[0];
}

function knowsNothing(issues: readonly Issue[], input: unknown): boolean {
  if (typeof input !== "object" || input === null) return false;
  const unknown = issues.flatMap((issue) => issue.code === "unrecognized_keys" ? issue.keys : []);
  return Object.keys(input).every((key) => unknown.includes(key));
}

/**
 * A key that a shape does not know speaks more against it than a wrong value of one it knows, however
 * much is wrong within that value.
 */
function weightOf(issues: readonly Issue[]): number {
  const unknown = issues.filter(({ code }) => code === "unrecognized_keys").length;
  const wrong = issues.filter(({ code }) => code !== "unrecognized_keys");
  return 2 * unknown + new Set(wrong.map(({ path }) => path[0])).size;
}

function unknownKey(key: string, path: KeyPath): string {
  const known = knownKeys(path);
  if (known.includes(key)) return `"${key}" cannot stand beside the other keys here`;
  // a key like others to YAML 1.2, which has none that merges
  if (key === "<<") return '"<<" merges nothing in YAML 1.2: write the keys out';
  const suggestion = nearest(key, known);
  const meant = suggestion === undefined ? "" : `, did you mean "${suggestion}"?`;
  return `unknown key "${key}"${meant}`;
}

function describe(issue: Issue, path: KeyPath): string {
  const name = nameOf(path);
  switch (issue.code) {
    case "invalid_type":
      if (path.length === 0) return `the file must be ${kindOf(issue)}`;
      return issue.input === undefined ? `${name} is missing` : `${name} must be ${kindOf(issue)}`;
    case "invalid_value":
      if (!issue.message.startsWith("Invalid")) return issue.message;
      return `${name} must be ${anyOf(issue.values)}`;
    case "too_small":
      if (ownWords(issue.message)) return lowerFirst(issue.message);
      return issue.origin === "array" || issue.origin === "string"
        ? `${name} must not be empty`
        : `${name} must be at least ${issue.minimum}`;
    case "too_big":
      return `${name} must ${LENGTHS[issue.origin] ?? "be at most #"}`
        .replace("#", String(issue.maximum));
    case "invalid_format":
      return issue.format === "starts_with"
        ? `${name} must begin with "${(issue as { prefix?: string }).prefix}"`
        : lowerFirst(issue.message);
    case "invalid_union":
      return `${name} has none of the forms it can have`;
    default:
      return lowerFirst(issue.message);
  }
}

/** What is too long rather than too great. */
const LENGTHS: Readonly<Record<string, string>> = {
  array: "have at most # entries",
  string: "have at most # characters",
};

/** Whether the schema has words of its own for a mistake. */
function ownWords(message: string): boolean {
  return !/^(?:Invalid|Too) /.test(message);
}

/** The schema's own words where it has some, such as an example. */
function kindOf({ expected, message }: z.core.$ZodIssueInvalidType): string {
  return message.startsWith("Invalid input") ? KINDS[expected] ?? expected : message;
}

const KINDS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a map of keys",
  record: "a map of names",
  string: "text",
};
