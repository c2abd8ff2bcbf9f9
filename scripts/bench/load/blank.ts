/** Makes a file of so many zeros, and gives its path. */
export async function blank(folder: string, bytes: number): Promise<string> {
  const path = `${folder}/blank-${bytes}`;
  using file = await Deno.create(path);
  await file.truncate(bytes);
  return path;
}
