/** Whether the system lacks descriptors, of this process or of all, or memory (accept(2)). */
export function isShortage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  return SHORTAGES.some((name) => code === name) || SHORTAGE_MESSAGES.test(error.message);
}

const SHORTAGES = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"];

/** For errors of the runtime that have no code. */
const SHORTAGE_MESSAGES =
  /Too many open files|No file descriptors available|Cannot allocate memory|No buffer space/i;
