import type { MessageEnd } from "../workers/channel.ts";
import { holdMessages, threadRole } from "../workers/thread_role.ts";
import type { BuildFacts } from "./version.ts";

/**
 * The program, from its start to its end. Each of several threads that serve is this same program,
 * which finds itself in another role, and loads the modules of that role alone.
 *
 * @param build how it was built; undefined from source
 */
export async function runProgram(build?: BuildFacts): Promise<void> {
  const role = threadRole();
  if (role === "command") {
    const { PROCESS, runCli } = await import("./cli.ts");
    Deno.exit(await runCli(Deno.args, build === undefined ? PROCESS : { ...PROCESS, build }));
  }
  const end = holdMessages(self as unknown as MessageEnd);
  if (role === "passwords") {
    const { servePasswords } = await import("../workers/password_thread.ts");
    return servePasswords(end);
  }
  const { serveAsWorker } = await import("../workers/worker.ts");
  return serveAsWorker(end);
}
