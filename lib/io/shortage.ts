import { codeOf } from "../core/errors.ts";

/** Whether the system lacks descriptors, of this process or of all, or memory (accept(2)). */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.has(codeOf(error) ?? "") ||
    (error instanceof Error && SHORTAGE_MESSAGES.test(error.message));
}

/** The same of an error that was made of one. */
export function isOfShortage(error: unknown): boolean {
  return isShortage(error) || (error instanceof Error && isOfShortage(error.cause));
}

const SHORTAGES: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);

/** For errors of the runtime that have no code. */
const SHORTAGE_MESSAGES =
  /Too many open files|No file descriptors available|Cannot allocate memory|No buffer space/i;
