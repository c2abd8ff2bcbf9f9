import type { KeyPath } from "./key_path.ts";

/** Where in a file, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something wrong with a configuration file. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly place: Place;
  /** One line, without a final period. */
  readonly message: string;
}

/** What is to be said of a part of a configuration, wherever that stands in its file. */
export interface Objection {
  /** The key that it is about. */
  readonly at: KeyPath;
  readonly message: string;
}

/** A configuration file as text, for showing where a problem is. */
export interface SourceFile {
  /** As the user named it. */
  readonly path: string;
  readonly text: string;
}

/** Errors first, each kind in the order of the file. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) =>
    Number(a.severity === "warning") - Number(b.severity === "warning") ||
    a.place.line - b.place.line || a.place.column - b.place.column
  );
}

/**
 * A problem as `file:line:column: message`, the form that editors and terminals make a link of;
 * with `caret`, followed by the line it stands in and a caret under the place.
 */
export function formatProblem(
  { severity, place, message }: Problem,
  { path, text }: SourceFile,
  { caret }: { caret: boolean },
): string {
  const label = severity === "warning" ? "warning: " : "";
  const first = `${path}:${place.line}:${place.column}: ${label}${onOneLine(message)}`;
  if (!caret) return first;
  const line = text.split(/\r?\n/)[place.line - 1] ?? "";
  // a tab stays a tab, so that the caret stands under the place whatever its width
  const indent = line.slice(0, place.column - 1).replace(/[^\t]/g, " ");
  return `${first}\n    ${line}\n    ${indent}^`;
}

/** What a value holds that is told, such as the end of a line, is told as the file may have it. */
function onOneLine(message: string): string {
  return message.replaceAll(
    /\p{Cc}/gu,
    (control) =>
      control < " "
        ? JSON.stringify(control).slice(1, -1)
        : `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A message of a library, as it stands behind a place and a colon. */
export function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
