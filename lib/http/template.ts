/** What a template may name. */
export const VARIABLES = [
  "client",
  "host",
  "path",
  "sni",
  "id",
  "client_cert.subject",
] as const;

export type Variable = typeof VARIABLES[number];

/** What a request puts in the place of each; undefined is nothing. */
export type Variables = Readonly<Record<Variable, string | undefined>>;

/** Text with holes for what a request says: `https://{host}/new{path}`. */
export interface Template {
  /** Texts and names in turn; it begins and ends with a text, which may be empty. */
  readonly parts: readonly string[];
}

/**
 * Reads a template. `{{` and `}}` stand for braces.
 *
 * @throws {SyntaxError} where a brace has no partner or nothing is called so, in words for its writer
 */
export function parseTemplate(text: string): Template {
  const parts = [""];
  const add = (literal: string) => parts[parts.length - 1] += literal;
  for (const [piece] of text.matchAll(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g)) {
    if (piece === "{{" || piece === "}}") add(piece[0] ?? "");
    else if (piece === "{" || piece === "}") {
      throw new SyntaxError(`a single "${piece}"; a brace is written twice: "${piece}${piece}"`);
    } else if (piece.startsWith("{")) parts.push(variableIn(piece), "");
    else add(piece);
  }
  return { parts };
}

/** Whether a template is the same for every request. */
export function isConstant({ parts }: Template): boolean {
  return parts.length === 1;
}

/** Whether a template names a variable. */
export function names({ parts }: Template, variable: Variable): boolean {
  return parts.some((part, index) => index % 2 === 1 && part === variable);
}

/**
 * The text for a request. What a variable brings cannot end a line or hide in it: characters that
 * are no visible ASCII and no space become `?` (RFC 9110, section 5.5).
 */
export function render({ parts }: Template, variables: Variables): string {
  let text = parts[0] ?? "";
  for (let index = 1; index < parts.length; index += 2) {
    const value = variables[parts[index] as Variable] ?? "";
    text += value.replace(/[^\x20-\x7e]/g, "?") + (parts[index + 1] ?? "");
  }
  return text;
}

function variableIn(piece: string): Variable {
  const name = piece.slice(1, -1);
  const known = VARIABLES.find((variable) => variable === name);
  if (known !== undefined) return known;
  const all = VARIABLES.map((variable) => `{${variable}}`).join(", ");
  throw new SyntaxError(`there is no ${piece}; there are ${all}`);
}
