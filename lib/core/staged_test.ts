import assert from "node:assert/strict";
import { stageAll } from "./staged.ts";

function parts() {
  const done: string[] = [];
  const part = (name: string) => () => {
    done.push(`prepare ${name}`);
    return Promise.resolve({
      commit: () => void done.push(`commit ${name}`),
      drop: async () => {
        await Promise.resolve();
        done.push(`drop ${name}`);
      },
    });
  };
  return { done, part };
}

Deno.test("stageAll() commits or drops all of its parts", async () => {
  for (const end of ["commit", "drop"] as const) {
    const { done, part } = parts();
    const staged = await stageAll([part("a"), part("b")]);
    await staged[end]();
    assert.deepEqual(done, ["prepare a", "prepare b", `${end} a`, `${end} b`]);
  }
});

Deno.test("stageAll() drops what is ready when one fails, and makes no more ready", async () => {
  const { done, part } = parts();
  const failing = () => Promise.reject(new Error("no"));
  await assert.rejects(stageAll([part("a"), failing, part("b")]), { message: "no" });
  assert.deepEqual(done, ["prepare a", "drop a"]);
});
