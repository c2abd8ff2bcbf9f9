import assert from "node:assert/strict";
import { within } from "../../tests/support/deadline.ts";
import { watchFiles } from "./watch.ts";

/** A watch, and the next change that it tells. */
function watching(paths: readonly string[]) {
  const troubles: string[] = [];
  let told = Promise.withResolvers<void>();
  const files = watchFiles(paths, {
    onChange: () => told.resolve(),
    onTrouble: (reason) => troubles.push(reason),
  });
  return {
    files,
    troubles,
    async change(act: () => Promise<unknown>): Promise<void> {
      await act();
      await within(told.promise, "a change to be told");
      told = Promise.withResolvers();
    },
  };
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-watch-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("watchFiles() tells of a file that is written, replaced, removed and made", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    await Deno.writeTextFile(path, "1");
    const { files, change, troubles } = watching([path]);
    using _files = files;
    await change(() => Deno.writeTextFile(path, "2"));
    await change(async () => {
      await Deno.writeTextFile(`${folder}/b`, "3");
      await Deno.rename(`${folder}/b`, path);
    });
    await change(() => Deno.remove(path));
    await change(() => Deno.writeTextFile(path, "4"));
    assert.deepEqual(troubles, []);
  }));

Deno.test("watchFiles() follows links on the way, time and again", () =>
  inFolder(async (folder) => {
    for (const version of [1, 2, 3]) {
      await Deno.mkdir(`${folder}/v${version}`);
      await Deno.writeTextFile(`${folder}/v${version}/a`, "");
    }
    const point = async (version: number) => {
      await Deno.symlink(`v${version}`, `${folder}/new`);
      await Deno.rename(`${folder}/new`, `${folder}/live`);
    };
    await point(1);
    const { files, change } = watching([`${folder}/live/a`]);
    using _files = files;
    for (const version of [2, 3]) {
      await change(() => point(version));
      await change(() => Deno.writeTextFile(`${folder}/v${version}/a`, "new"));
    }
  }));

Deno.test("watch() changes what is watched, and says what it cannot watch", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/x`);
    const { files, change, troubles } = watching([]);
    using _files = files;
    files.watch([`${folder}/no/such`]);
    assert.equal(troubles.length, 1);
    assert.match(troubles[0] ?? "", /^Cannot watch .*\/no: /);
    files.watch([`${folder}/x/a`]);
    await change(() => Deno.writeTextFile(`${folder}/x/a`, "1"));
    assert.equal(troubles.length, 1);
  }));
