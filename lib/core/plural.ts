/** A count with its noun, such as `1 backend` and `2 backends`. */
export function plural(count: number, noun: string): string {
  return `${count} ${agreeing(count, noun, `${noun}s`)}`;
}

/** The word that goes with a count: `was` with 1, say, and `were` with any other. */
export function agreeing(count: number, one: string, others: string): string {
  return count === 1 ? one : others;
}
