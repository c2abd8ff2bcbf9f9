import { type CliHost, runCli } from "../../lib/cli/cli.ts";
import type { CommandResult } from "./start_proxy.ts";

/**
 * Runs a command of the proxy, such as `check`, as `runCommand` does, but in this process: for
 * tables of inputs, where a start of the program for each would take most of the time.
 *
 * @param run what stands in for the proxy; by default there is none
 */
export async function commandHere(
  args: readonly string[],
  run: CliHost["run"] = () => Promise.reject(new TypeError("This is no command that serves")),
): Promise<CommandResult> {
  const [stdout, stderr] = [new Said(), new Said()];
  const code = await runCli(args, { stdout, stderr, terminal: false, run });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Said {
  readonly #decoder = new TextDecoder();
  text = "";

  write(bytes: Uint8Array): Promise<number> {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return Promise.resolve(bytes.length);
  }
}
