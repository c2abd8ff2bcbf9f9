import type { KeyPath } from "./key_path.ts";
import type { Problem } from "./problem.ts";

/** What is wrong with a value, before it has a place. */
export interface Finding {
  readonly severity: Problem["severity"];
  readonly path: KeyPath;
  readonly message: string;
}

/** What keeps the configuration from being used. */
export function error(path: KeyPath, message: string): Finding {
  return { severity: "error", path, message };
}

/** What will surprise whoever uses the configuration as it is. */
export function warning(path: KeyPath, message: string): Finding {
  return { severity: "warning", path, message };
}
