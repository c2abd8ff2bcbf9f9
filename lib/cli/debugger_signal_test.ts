import assert from "node:assert/strict";

const MODULE = import.meta.resolve("./debugger_signal.ts");

Deno.test("refuseDebugger() keeps SIGUSR1 from opening the debugger", async () => {
  const said = await stderrAfterSigusr1(["--allow-ffi"]);
  assert.equal(said, "");
});

Deno.test("refuseDebugger() says that the debugger is open where it cannot prevent it", async () => {
  const said = await stderrAfterSigusr1([]);
  assert.match(said, /SIGUSR1: the runtime has opened its debugger/);
  // When this fails the runtime has learned to leave the signal to its listeners. The second form
  // is what it says where another process has the port.
  assert.match(said, /Debugger listening|inspector server/);
});

async function stderrAfterSigusr1(permissions: readonly string[]): Promise<string> {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", ...permissions, `data:text/typescript,${CHILD}`],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  for await (const _ready of child.stdout) child.kill("SIGUSR1");
  await child.status;
  return await stderr;
}

/** The runtime takes the signal up half a second from its start; then it says that it is ready. */
const CHILD = encodeURIComponent(`
  import { refuseDebugger } from "${MODULE}";
  refuseDebugger((line) => console.error(line));
  setTimeout(() => console.log("ready"), 800);
  setTimeout(() => Deno.exit(), 1200);
`);
