/** Generous, as the machine may be busy: it only turns a hang into a failure. */
export const DEADLINE_MS = 30_000;

/**
 * The same for what a whole program is waited for: to start the proxy takes two seconds of a
 * processor that is quick and does nothing else, and several are started at once.
 */
export const PROGRAM_MS = 120_000;

/**
 * The promise's outcome, or a failure that says what was awaited.
 *
 * @param what ends the sentence "Waited 30 s for ..."
 */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  ms: number = DEADLINE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const text = typeof what === "string" ? what : what();
      reject(new Error(`Waited ${ms / 1000} s for ${text}`));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks again and again until `look` gives something; for what no event tells, such as the state
 * of another process.
 */
export async function eventually<T>(
  look: () => T | undefined | Promise<T | undefined>,
  what: string | (() => string),
  ms: number = DEADLINE_MS,
): Promise<T> {
  for (const end = performance.now() + ms; performance.now() < end;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(25);
  }
  throw new Error(`Waited ${ms / 1000} s for ${typeof what === "string" ? what : what()}`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
