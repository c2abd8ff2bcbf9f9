import { isPasswordThread, servePasswords } from "../workers/password_thread.ts";
import { isWorker, serveAsWorker } from "../workers/worker.ts";
import { PROCESS, runCli } from "./cli.ts";
import type { BuildFacts } from "./version.ts";

/**
 * The program, from its start to its end. Each of several threads that serve is this same program,
 * which finds itself in another role.
 *
 * @param build how it was built; undefined from source
 */
export async function runProgram(build?: BuildFacts): Promise<void> {
  if (isPasswordThread()) return servePasswords();
  if (isWorker()) return serveAsWorker();
  Deno.exit(await runCli(Deno.args, build === undefined ? PROCESS : { ...PROCESS, build }));
}
