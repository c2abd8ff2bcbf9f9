import type { Paint } from "../log/terminal_format.ts";

/** Tells the user one line, on stderr. */
export type Say = (line: string) => void;

/** A line as it stands on stderr: told from those of others by its beginning. */
export function saidLine(line: string, paint: Paint): string {
  return `${paint("dim", "tls-proxy:")} ${painted(line, paint)}`;
}

function painted(line: string, paint: Paint): string {
  if (/^(?:warning|not reloaded)\b/.test(line)) return paint("yellow", line);
  if (line.startsWith("Cannot ")) return paint("red", line);
  return /^(?:try|admin page): /.test(line) ? paint("bold", line) : line;
}
