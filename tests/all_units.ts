/**
 * Every test that stands beside what it tests, in one isolate, where `deno test` is given no file:
 * the runtime makes an isolate for each, which takes a third of a second of CPU and 80 MB before the
 * file's first line.
 */

/** The URLs of the tests in a folder and below, in the order of their paths. */
async function* testsIn(folder: URL): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) yield* testsIn(new URL(`${name}/`, folder));
    else if (name.endsWith("_test.ts")) yield new URL(name, folder).href;
  }
}

for await (const url of testsIn(new URL("../lib/", import.meta.url))) await import(url);
