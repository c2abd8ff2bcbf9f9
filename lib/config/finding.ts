import type { KeyPath } from "./key_path.ts";
import type { Problem } from "./problem.ts";

/** What is wrong with a value, before it has a place. */
export interface Finding {
  readonly severity: Problem["severity"];
  readonly path: KeyPath;
  readonly message: string;
}

export function error(path: KeyPath, message: string): Finding {
  return { severity: "error", path, message };
}

export function warning(path: KeyPath, message: string): Finding {
  return { severity: "warning", path, message };
}
