import assert from "node:assert/strict";
import { Processes } from "./processes.ts";

Deno.test("run() gives standard output with standard error behind it", async () => {
  await using processes = new Processes();
  assert.equal(await processes.run(["sh", "-c", "echo error >&2; echo output"]), "output\nerror\n");
});

Deno.test("run() fails when the command fails or takes too long", async () => {
  await using processes = new Processes();
  await assert.rejects(processes.run(["sh", "-c", "echo why >&2; exit 3"]), /code 3: why/);
  await assert.rejects(processes.run(["sleep", "60"], { timeoutMs: 20 }), /not done within/);
});

Deno.test("run() gives each line as it comes, and can interrupt", async () => {
  await using processes = new Processes();
  const lines: string[] = [];
  // without having been interrupted it would not end
  const script = "trap 'echo end; exit 0' INT; printf 'one\\ntwo\\n'; while :; do sleep 0.05; done";
  const output = await processes.run(["sh", "-c", script], {
    onLine(line, interrupt) {
      lines.push(line);
      if (line === "two") interrupt();
    },
  });
  assert.deepEqual(lines, ["one", "two", "end"]);
  assert.equal(output, "one\ntwo\nend\n");
});

Deno.test("stop() says whether a process ended when it was asked to", async () => {
  await using processes = new Processes();
  assert.equal(await processes.stop(processes.start(["sleep", "60"])), true);
});

Deno.test("start() leaves no descendants when the process is killed", async () => {
  await using processes = new Processes();
  const folder = await Deno.makeTempDir();
  try {
    const pipe = `${folder}/pipe`;
    await processes.run(["mkfifo", pipe]);
    // only the child holds the pipe, so that its end is the end of the child
    const script = `(sleep 5; echo "it is still there") > ${pipe} & wait`;
    const { pid, ended } = processes.start(["sh", "-c", script]);
    const reader = await Deno.open(pipe);
    Deno.kill(pid, "SIGKILL");
    await ended;
    assert.equal(await new Response(reader.readable).text(), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("asyncDispose() stops all and lets no more start", async () => {
  const processes = new Processes();
  const { ended } = processes.start(["sleep", "60"]);
  await processes[Symbol.asyncDispose]();
  assert.equal((await ended).signal, "SIGTERM");
  assert.throws(() => processes.start(["sleep", "60"]), /is ending/);
});
