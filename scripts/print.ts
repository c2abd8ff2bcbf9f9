/**
 * Writes a text and a line's end. Who reads it and has gone, as `head` may, has read enough.
 *
 * @throws what else the system has against it
 */
export function print(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  try {
    to.writeSync(new TextEncoder().encode(`${text}\n`));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
