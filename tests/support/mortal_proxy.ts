/**
 * The proxy with threads that die when they are told to: `mortal_proxy.ts --config FOLDER/FILE`. A
 * worker throws once its name has been written to `FOLDER/death` after its start.
 */
import { runProgram } from "../../lib/cli/program.ts";
import { libcPath } from "../../lib/ports/libc.ts";
import { isWorker } from "../../lib/workers/worker.ts";

if (isWorker()) {
  const path = new URL("death", `file://${Deno.args[1]}`);
  const started = new Date();
  const libc = { name: "ffi", path: libcPath() ?? "" } as const;
  if (Deno.permissions.querySync(libc).state === "granted") {
    throw new Error("it may call the C library");
  }
  setInterval(() => {
    if (isMeant(path, started)) throw new Error("it was told to die");
  }, 50);
}
await runProgram();

function isMeant(path: URL, started: Date): boolean {
  try {
    const { mtime } = Deno.statSync(path);
    return mtime !== null && mtime > started && Deno.readTextFileSync(path) === self.name;
  } catch {
    return false;
  }
}
