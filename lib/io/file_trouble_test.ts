import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { fileTrouble, whyUnreadable } from "./file_trouble.ts";

Deno.test("whyUnreadable() says why a file cannot be read, whoever looks at it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    await Deno.symlink("loop", `${folder}/loop`);
    const cases = [
      ["none", "does not exist"],
      ["file/none", "is not readable (its path leads through a file)"],
      ["loop", "is not readable (its links lead to each other)"],
      ["n".repeat(300), "is not readable (its name is too long)"],
      ["no\0path", "is not readable (its name is no path)"],
    ] as const;
    for (const [name, told] of cases) {
      for (const look of [Deno.stat, Deno.readFile, stat]) {
        const error = await look(`${folder}/${name}`).then(() => undefined, (error) => error);
        assert.equal(whyUnreadable(error), told, `${look.name} ${name}`);
      }
    }
    const ofFolder = await Deno.readFile(folder).then(() => undefined, (error) => error);
    assert.equal(whyUnreadable(ofFolder), "is a folder");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("fileTrouble() has words for who may not, of the runtime's and of Node's modules", () => {
  const denied = new Deno.errors.PermissionDenied("Permission denied (os error 13): open 'x'");
  for (const error of [denied, new Error("EACCES: permission denied, open 'x'")]) {
    assert.equal(fileTrouble(Object.assign(error, { code: "EACCES" })), "permission denied");
  }
  assert.equal(fileTrouble(new Error("something else")), "something else");
});
