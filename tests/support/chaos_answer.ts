/** The one right answer to request `number`: the number, its hash, and so much that sizes differ. */
export async function expectedBody(number: number): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${number}`));
  const hash = new Uint8Array(digest).toHex();
  return `${number} ${hash} ${hash.repeat(number % 97)}`;
}

/** The one right download of a number: up to some 3 MB. */
export async function expectedDownload(number: number): Promise<string> {
  return (await expectedBody(number)).repeat(1 + (number % 7) * 80);
}
