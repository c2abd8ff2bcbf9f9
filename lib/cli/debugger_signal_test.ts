import assert from "node:assert/strict";
import { pause, PROGRAM_MS } from "../../tests/support/deadline.ts";
import { Lines } from "../../tests/support/lines.ts";

const MODULE = import.meta.resolve("./debugger_signal.ts");

Deno.test("refuseDebugger() keeps SIGUSR1 from opening the debugger", async () => {
  await using child = await start(["--allow-ffi"]);
  child.signal();
  await pause(400);
  assert.equal(await child.end(), "");
});

Deno.test("refuseDebugger() says that the debugger is open where it cannot prevent it", async () => {
  await using child = await start([]);
  child.signal();
  await child.says.first(/SIGUSR1: the runtime has opened its debugger/);
  // When this fails the runtime has learned to leave the signal to its listeners. The second form
  // is what it says where another process has the port.
  await child.says.first(/Debugger listening|inspector server/);
  await child.end();
});

/** Starts a process that refuses the debugger, and waits until it is ready for the signal. */
async function start(permissions: readonly string[]) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", ...permissions, `data:text/typescript,${CHILD}`],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [ready, says] = [new Lines(process.stdout), new Lines(process.stderr)];
  await ready.first(/^ready$/, PROGRAM_MS);
  let isOver = false;
  /** Has it end, and gives what it has said. */
  const end = async () => {
    if (isOver) return says.text;
    isOver = true;
    await process.stdin.close();
    await Promise.all([process.status, ready.ended, says.ended]);
    return says.text;
  };
  return {
    says,
    end,
    signal: () => process.kill("SIGUSR1"),
    [Symbol.asyncDispose]: async () => void await end(),
  };
}

/** The runtime takes the signal up half a second from its start; then it says that it is ready. */
const CHILD = encodeURIComponent(`
  import { refuseDebugger } from "${MODULE}";
  refuseDebugger((line) => console.error(line));
  setTimeout(() => console.log("ready"), 800);
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
`);
