/**
 * The proxy with threads that die when they are told to: `mortal_proxy.ts --config FOLDER/FILE`. A
 * worker throws once its name has been written to `FOLDER/death` after its start, or loops for ever
 * where it was written to `FOLDER/hang`. One whose name is in `FOLDER/hold` does not begin to serve
 * while it is. One that starts once there is a `FOLDER/ahead` does so as behind a change of the
 * system's clock, by as many milliseconds as it says.
 */
import { runProgram } from "../../lib/cli/program.ts";
import { libcPath } from "../../lib/ports/libc.ts";
import { threadRole } from "../../lib/workers/thread_role.ts";

/** Milliseconds for which a thread hangs: longer than any test waits for it to be noticed. */
const HANG_MS = 120_000;
const EVER = new Date(0);

if (threadRole() === "worker") {
  const [death, hang, hold, ahead] = ["death", "hang", "hold", "ahead"]
    .map((name) => new URL(name, `file://${Deno.args[1]}`));
  const started = new Date();
  const timeOrigin = performance.timeOrigin + millisecondsIn(ahead);
  Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin });
  const libc = { name: "ffi", path: libcPath() ?? "" } as const;
  // by the second message it is to serve, and has loaded what it calls by the first
  let messages = 0;
  self.addEventListener("message", () => {
    if (++messages !== 2) return;
    if (Deno.permissions.querySync(libc).state === "granted") {
      throw new Error("it may call the C library");
    }
    const word = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    while (isMeant(hold, EVER)) Atomics.wait(word, 0, 0, 20);
  });
  let end: number | undefined;
  setInterval(() => {
    if (isMeant(death, started)) throw new Error("it was told to die");
    if (!isMeant(hang, started)) return;
    // an end for tests that fail
    end ??= performance.now() + HANG_MS;
    while (performance.now() < end);
  }, 50);
}
await runProgram();

function isMeant(path: URL | undefined, started: Date): boolean {
  if (path === undefined) return false;
  try {
    const { mtime } = Deno.statSync(path);
    return mtime !== null && mtime > started && Deno.readTextFileSync(path) === self.name;
  } catch {
    return false;
  }
}

/** 0 where there is no such file. */
function millisecondsIn(path: URL | undefined): number {
  try {
    return path === undefined ? 0 : Number(Deno.readTextFileSync(path));
  } catch {
    return 0;
  }
}
