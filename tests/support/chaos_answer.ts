/** The one right answer to request `number`: the number, its hash, and so much that sizes differ. */
export async function expectedBody(number: number): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${number}`));
  const hash = new Uint8Array(digest).toHex();
  return `${number} ${hash} ${hash.repeat(number % 97)}`;
}
