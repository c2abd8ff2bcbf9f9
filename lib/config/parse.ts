import { normalize } from "node:path/posix";
import {
  type Alias,
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
  visit,
} from "yaml";
import type * as z from "zod";
import { certificateFiles } from "../acme/store_layout.ts";
import { isWithin, type KeyPath } from "./key_path.ts";
import { knownKeys } from "./known_keys.ts";
import { mend } from "./mend.ts";
import { lowerFirst, type Place, type Problem, type SourceFile } from "./problem.ts";
import type { BackendTlsConfig, Config } from "./config.ts";
import { nearest } from "./suggest.ts";
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
  const draft = data && toConfig(data, path);
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

type Value = { readonly input: unknown } | {
  readonly problem: { readonly severity: "error"; readonly message: string };
  readonly offset: number;
};

/** The document as a plain value, every alias (YAML 1.2, section 7.1) in the place of its own. */
function valueOf(document: Document.Parsed): Value {
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
    const mistakes = withoutEchoes(parsed.error.issues)
      .flatMap((issue) => mistakesOf(issue, [], locator))
      .filter(({ path }) => !broken.some((other) => isWithin(path, other)));
    problems.push(...mistakes.map(({ problem }) => problem));
    // from behind, so that an index still means what it meant
    const mended = mistakes.toReversed().map(({ path }) => mend(input, path));
    broken.push(...mistakes.map(({ path }) => path));
    if (!mended.includes(true)) break;
  }
  return { data: undefined, problems, broken };
}

/**
 * A path as it is granted: a process that may read single files has the runtime take `folder/..` out
 * of a path before it is opened, also where the folder is a link to one elsewhere. So it is taken out
 * for all, and `check` sees what will be served.
 */
function withoutParents(path: string): string {
  return path.split("/").includes("..") ? normalize(path) : path;
}

/** Relative paths in a file are relative to the file. */
function toConfig(data: z.output<typeof YAML_SCHEMA>, file: string): Config {
  const slash = file.lastIndexOf("/");
  const folder = slash < 0 ? "" : file.slice(0, slash + 1);
  const resolve = (path: string) => withoutParents(path.startsWith("/") ? path : folder + path);
  return {
    ...data,
    clientAuth: data.clientAuth.map(({ ca, crl, ...rest }) => ({
      ...rest,
      ca: resolve(ca),
      crl: crl && resolve(crl),
    })),
    certificates: data.certificates.map((certificate) => ({
      ...certificate,
      ...(certificate.acme === undefined
        ? { cert: resolve(certificate.cert), key: resolve(certificate.key) }
        : certificateFiles(resolve(data.acme?.store ?? ""), certificate.acme)),
      passphraseFile: certificate.passphraseFile && resolve(certificate.passphraseFile),
    })),
    cluster: data.cluster && {
      ...data.cluster,
      caFile: data.cluster.caFile && resolve(data.cluster.caFile),
      passwordFile: data.cluster.passwordFile && resolve(data.cluster.passwordFile),
    },
    acme: data.acme && {
      ...data.acme,
      store: resolve(data.acme.store),
      caFile: data.acme.caFile && resolve(data.acme.caFile),
      eab: data.acme.eab && { ...data.acme.eab, hmacFile: resolve(data.acme.eab.hmacFile) },
    },
    backends: new Map(
      Object.entries(data.backends).map(([name, { tls, ...backend }]) => [
        name,
        { ...backend, tls: tls && withPaths(tls, resolve) },
      ]),
    ),
    routes: data.routes.map((route) => ({
      ...route,
      respond: route.respond && {
        ...route.respond,
        file: route.respond.file && resolve(route.respond.file),
      },
      basicAuth: route.basicAuth && { ...route.basicAuth, file: resolve(route.basicAuth.file) },
    })),
    errorPages: new Map(
      Object.entries(data.errorPages).map(([status, page]) => [Number(status), resolve(page)]),
    ),
    log: { ...data.log, file: data.log.file && resolve(data.log.file) },
    admin: data.admin && {
      ...data.admin,
      tokenFile: data.admin.tokenFile && resolve(data.admin.tokenFile),
    },
  };
}

function withPaths(tls: BackendTlsConfig, resolve: (path: string) => string): BackendTlsConfig {
  const { ca, cert, key, passphraseFile } = tls;
  return {
    ...tls,
    ca: ca && resolve(ca),
    cert: cert && resolve(cert),
    key: key && resolve(key),
    passphraseFile: passphraseFile && resolve(passphraseFile),
  };
}

class Locator {
  readonly #root: unknown;
  readonly #placeAt: (offset: number) => Place;

  constructor(root: unknown, placeAt: (offset: number) => Place) {
    this.#root = root;
    this.#placeAt = placeAt;
  }

  value(keys: KeyPath): Place {
    let node = this.#root;
    let offset = rangeStart(node) ?? 0;
    for (const key of keys) {
      node = child(node, key);
      const start = rangeStart(node);
      if (start === undefined) break;
      offset = start;
    }
    return this.#placeAt(offset);
  }

  key(keys: KeyPath, key: string): Place {
    let node = this.#root;
    for (const step of keys) node = child(node, step);
    const start = rangeStart(pairOf(node, key)?.key);
    return start === undefined ? this.value(keys) : this.#placeAt(start);
  }

  has(keys: KeyPath): boolean {
    let node = this.#root;
    for (const key of keys) node = child(node, key);
    return node !== undefined;
  }
}

function child(node: unknown, key: string | number): unknown {
  if (isMap(node)) return pairOf(node, String(key))?.value ?? undefined;
  return isSeq(node) ? node.items[Number(key)] : undefined;
}

/** By what a key is as text: `502` is a number to YAML, and a name to its reader. */
function pairOf(node: unknown, key: string): Pair | undefined {
  return isMap(node) ? node.items.find((item) => String(item.key) === key) : undefined;
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  return Array.isArray(node.range) ? Number(node.range[0]) : undefined;
}

type Issue = z.core.$ZodIssue;

/** One mistake once: text in the place of a list is also too short for one, say. */
function withoutEchoes(issues: readonly Issue[]): readonly Issue[] {
  return issues.filter((issue) =>
    !issues.some((other) =>
      other !== issue && other.path.join("\0") === issue.path.join("\0") && outdoes(other, issue)
    )
  );
}

function outdoes(other: Issue, issue: Issue): boolean {
  if (issue.code !== "too_small" && issue.code !== "too_big") return false;
  return other.code === "invalid_type" ||
    other.code === "too_big" && issue.code === "too_big" && other.maximum < issue.maximum;
}

/** A mistake of form: what is to be said of it, and what would have to go. */
interface Mistake {
  readonly path: KeyPath;
  readonly problem: Problem;
}

function mistakesOf(issue: Issue, base: KeyPath, locator: Locator): Mistake[] {
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
      const message = `${nameOf(path)} must be ${[...new Set(forms)].join(" or ")}`;
      return [mistake(path, locator.value(path), message)];
    }
    const branch = branchMeant(issue.errors, issue.input);
    if (branch !== undefined) {
      return withoutEchoes(branch).flatMap((inner) => mistakesOf(inner, path, locator));
    }
  }
  if (issue.code === "invalid_key") {
    const key = String(issue.path.at(-1));
    const [inner] = issue.issues;
    // the schema's own words, where it has some
    const message = inner === undefined || inner.message.startsWith("Invalid")
      ? `"${key}" is not a name: letters, digits, "_", "." and "-" only`
      : `"${key}": ${inner.message}`;
    return [mistake(path, locator.key(path.slice(0, -1), key), message)];
  }
  return [mistake(path, locator.value(path), describe(issue, path))];
}

/** What one shape of several would take, where the value is nothing of that kind. */
function formMissed([issue]: readonly Issue[]): string | undefined {
  if (issue === undefined || issue.path.length > 0) return undefined;
  if (issue.code === "invalid_value") return anyOf(issue.values);
  return issue.code === "invalid_type" ? kindOf(issue) : undefined;
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
    : [...ofRightKind].sort((a, b) => mistakesIn(a) - mistakesIn(b));
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
function mistakesIn(issues: readonly Issue[]): number {
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
