import assert from "node:assert/strict";
import { readTextFile } from "./text_file.ts";

const NOT_READ: readonly (readonly [what: string, path: string, message: string])[] = [
  ["a file that is not there", "none.txt", "does not exist"],
  ["a folder", ".", "is a folder"],
  ["a device that never ends", "/dev/zero", "is larger than 16 MiB"],
  [
    "a device that may stand for any file",
    "/dev/stdin",
    "is not readable (the runtime opens no such device but with all permissions)",
  ],
];

for (const [what, path, message] of NOT_READ) {
  Deno.test(`readTextFile() says what is wrong with ${what}`, async () => {
    await assert.rejects(readTextFile(path), { message });
  });
}

Deno.test("readTextFile() opens no pipe, which would wait for a writer", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code } = await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    assert.equal(code, 0);
    await assert.rejects(readTextFile(`${folder}/pipe`), { message: "is a pipe, not a file" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readTextFile() reads text of more than one piece, and says what is no text", async () => {
  const path = await Deno.makeTempFile();
  try {
    const text = "größer ".repeat(20_000);
    await Deno.writeTextFile(path, text);
    assert.equal(await readTextFile(path, { strict: true }), text);
    await Deno.writeFile(path, new Uint8Array([0x61, 0xff]));
    assert.equal(await readTextFile(path), "a\ufffd");
    await assert.rejects(readTextFile(path, { strict: true }), { message: "is not UTF-8 text" });
  } finally {
    await Deno.remove(path);
  }
});
