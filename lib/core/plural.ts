/** A count with its noun, such as `1 backend` and `2 backends`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
