/** Milliseconds from one reading to the next: more often than any monitoring system. */
const EVERY_MS = 1_000;

/**
 * Reads metrics while something else is done: at once, then each second.
 *
 * @returns what that gives
 * @throws {Error} where metrics could not be read, or that fails
 */
export async function scraping<T>(url: string, work: () => Promise<T>): Promise<T> {
  const done = new AbortController();
  const reading = scrapeUntil(url, done.signal);
  // what fails meanwhile is told behind the work
  reading.catch(() => {});
  try {
    return await work();
  } finally {
    done.abort();
    await reading;
  }
}

async function scrapeUntil(url: string, done: AbortSignal): Promise<void> {
  do {
    const response = await fetch(url);
    const text = await response.text();
    if (!response.ok || !text.includes("# TYPE ")) {
      throw new Error(`${url} gave no metrics: ${response.status} ${text.slice(0, 60)}`);
    }
    await pause(done);
  } while (!done.aborted);
}

/** Until it is time for the next, or there is none. */
function pause(done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (done.aborted) return resolve();
    const timer = setTimeout(resolve, EVERY_MS);
    done.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
