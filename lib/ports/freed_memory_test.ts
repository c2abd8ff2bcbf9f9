import assert from "node:assert/strict";
import { keepFreedMemory } from "./freed_memory.ts";
import { LINUX } from "./system_library.ts";

Deno.test("keepFreedMemory() is heeded by glibc", () => {
  assert.equal(keepFreedMemory(), LINUX);
});
