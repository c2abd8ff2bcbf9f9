import assert from "node:assert/strict";
import { pause, within } from "../../tests/support/deadline.ts";
import { stampsBeforeReading } from "../io/file_stamp.ts";
import { FileWatch, untilNextLook } from "./file_watch.ts";

const TIMES = { interval: 20, settle: 10, patience: 200 };

/** A watch, and the next change that it tells. */
async function watching(paths: readonly string[]) {
  let told = Promise.withResolvers<void>();
  let count = 0;
  const files = new FileWatch(() => {
    count++;
    told.resolve();
  }, TIMES);
  files.watch(paths, await stampsBeforeReading(paths));
  return {
    files,
    get count() {
      return count;
    },
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

/** Two folders with a file each, and three links that lead to the first of them. */
async function layOut(folder: string): Promise<void> {
  for (const version of ["1", "2"]) {
    await Deno.mkdir(`${folder}/v${version}`);
    await Deno.writeTextFile(`${folder}/v${version}/a`, version);
  }
  await Deno.symlink("v1", `${folder}/live`);
  await Deno.symlink("live/a", `${folder}/link`);
  await Deno.symlink("link", `${folder}/link_to_link`);
}

/** What may happen to a path, and to what it leads to. */
const CHANGES: readonly [
  what: string,
  path: string,
  change: (folder: string) => Promise<unknown>,
][] = [
  ["another length", "v1/a", (at) => Deno.writeTextFile(`${at}/v1/a`, "longer")],
  ["the same length", "v1/a", (at) => Deno.writeTextFile(`${at}/v1/a`, "x")],
  ["the same length and time", "v1/a", async (at) => {
    const { mtime } = await Deno.stat(`${at}/v1/a`);
    // the runtime tells the time of a change in whole seconds
    await pause(1001);
    await Deno.writeTextFile(`${at}/v1/a`, "x");
    await Deno.utime(`${at}/v1/a`, mtime ?? 0, mtime ?? 0);
  }],
  ["another file in its place", "v1/a", (at) => Deno.rename(`${at}/v2/a`, `${at}/v1/a`)],
  ["its end", "v1/a", (at) => Deno.remove(`${at}/v1/a`)],
  ["a file that comes", "v1/b", (at) => Deno.writeTextFile(`${at}/v1/b`, "")],
  ["a pipe in its place", "v1/a", async (at) => {
    await Deno.remove(`${at}/v1/a`);
    await makePipe(`${at}/v1/a`);
  }],
  ["a target written in place", "link", (at) => Deno.writeTextFile(`${at}/v1/a`, "x")],
  ["the same behind two links", "link_to_link", (at) => Deno.writeTextFile(`${at}/v1/a`, "x")],
  ["a folder's link that moves", "live/a", async (at) => {
    await Deno.symlink("v2", `${at}/new`);
    await Deno.rename(`${at}/new`, `${at}/live`);
  }],
  ["the same by removing it first", "live/a", async (at) => {
    await Deno.remove(`${at}/live`);
    await Deno.symlink("v2", `${at}/live`);
  }],
  ["the same behind two more", "link_to_link", async (at) => {
    await Deno.remove(`${at}/live`);
    await Deno.symlink("v2", `${at}/live`);
  }],
  ["the link in the middle", "link_to_link", async (at) => {
    await Deno.remove(`${at}/link`);
    await Deno.symlink("v2/a", `${at}/link`);
  }],
  ["a link in the place of a file", "v1/a", async (at) => {
    await Deno.remove(`${at}/v1/a`);
    await Deno.symlink("../v2/a", `${at}/v1/a`);
  }],
];

for (const [what, path, change] of CHANGES) {
  Deno.test(`FileWatch tells of ${what} (${path})`, () =>
    inFolder(async (folder) => {
      await layOut(folder);
      const watch = await watching([`${folder}/${path}`]);
      using _files = watch.files;
      await watch.change(() => change(folder));
    }));
}

Deno.test("FileWatch follows links on the way, time and again", () =>
  inFolder(async (folder) => {
    await layOut(folder);
    const { files, change } = await watching([`${folder}/live/a`]);
    using _files = files;
    for (const version of [2, 1, 2]) {
      await change(async () => {
        await Deno.symlink(`v${version}`, `${folder}/new`);
        await Deno.rename(`${folder}/new`, `${folder}/live`);
      });
      await change(() => Deno.writeTextFile(`${folder}/v${version}/a`, "new"));
    }
  }));

Deno.test("FileWatch is told of neither neighbours nor files that are only read", () =>
  inFolder(async (folder) => {
    await layOut(folder);
    const watch = await watching([`${folder}/v1/a`]);
    using _files = watch.files;
    await makePipe(`${folder}/v1/pipe`);
    for (let i = 0; i < 10; i++) {
      await Deno.writeTextFile(`${folder}/v1/log`, "line\n", { append: true });
      await Deno.readTextFile(`${folder}/v1/a`);
      await pause(TIMES.interval);
    }
    assert.equal(watch.count, 0);
    await watch.change(() => put(`${folder}/v1/a`, "new"));
    assert.equal(watch.count, 1);
  }));

Deno.test("FileWatch tells of a file that never stands still", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    await Deno.writeTextFile(path, "");
    const { files, change } = await watching([path]);
    using _files = files;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await Deno.writeTextFile(path, "more", { append: true });
        await pause(1);
      }
    })();
    await change(() => Promise.resolve());
    await change(() => Promise.resolve());
    writing = false;
    await writer;
  }));

Deno.test("FileWatch tells of what was written between the reading and the watch", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    await Deno.writeTextFile(path, "1");
    const stamps = await stampsBeforeReading([path]);
    await Deno.writeTextFile(path, "2");
    const { promise, resolve } = Promise.withResolvers<void>();
    using files = new FileWatch(resolve, TIMES);
    files.watch([path], stamps);
    await within(promise, "the change to be told");
  }));

Deno.test("watch() changes what is looked at, and keeps what is known of what stays", () =>
  inFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    await put(a, "1");
    const watch = await watching([a]);
    using _files = watch.files;
    await put(b, "1");
    // not looked at between the two
    await put(a, "2");
    watch.files.watch([a, b], new Map());
    await watch.change(() => Promise.resolve());
    await watch.change(() => put(b, "2"));
    watch.files.watch([b], new Map());
    await put(a, "3");
    await pause(5 * TIMES.interval);
    assert.equal(watch.count, 2);
    watch.files.watch([], new Map());
    await put(b, "3");
    await pause(5 * TIMES.interval);
    assert.equal(watch.count, 2);
  }));

Deno.test("untilNextLook() has many files looked at less often rather than all the time", () => {
  assert.equal(untilNextLook(1000, 4), 1000);
  assert.equal(untilNextLook(1000, 8), 1000);
  assert.equal(untilNextLook(1000, 40), 5000);
  assert.equal(untilNextLook(0, 40), 5000);
});

/** Has a file by one change: one that is written in place is empty first. */
async function put(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

async function makePipe(path: string): Promise<void> {
  const { code } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.equal(code, 0);
}
