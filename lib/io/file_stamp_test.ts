import assert from "node:assert/strict";
import { isSameStamp, stampOf, stampsBeforeReading } from "./file_stamp.ts";

Deno.test("stampOf() is the same for the same file, whatever leads to it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-stamp-" });
  try {
    const path = `${folder}/a`;
    await Deno.writeTextFile(path, "1");
    await Deno.symlink("a", `${folder}/link`);
    assert.ok(isSameStamp(stampOf(path), stampOf(path)));
    assert.ok(isSameStamp(stampOf(path), stampOf(`${folder}/link`)));
    await Deno.writeTextFile(`${folder}/b`, "1");
    assert.ok(!isSameStamp(stampOf(path), stampOf(`${folder}/b`)));
    assert.deepEqual(stampOf(`${folder}/none`), { missing: "NotFound" });
    assert.ok(isSameStamp(stampOf(`${folder}/none`), stampOf(`${folder}/nobody`)));
    assert.ok(!isSameStamp(stampOf(path), stampOf(`${folder}/none`)));
    assert.deepEqual(stampOf(`${path}/a`), { missing: "NotADirectory" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("stampsBeforeReading() tells every later write, however soon it comes", async () => {
  const path = await Deno.makeTempFile({ prefix: "tls-proxy-stamp-" });
  try {
    for (let i = 0; i < 20; i++) {
      await Deno.writeTextFile(path, "1");
      const stamp = (await stampsBeforeReading([path])).get(path);
      await Deno.writeTextFile(path, "2");
      assert.ok(stamp !== undefined && !isSameStamp(stamp, stampOf(path)));
    }
  } finally {
    await Deno.remove(path);
  }
});
