import { runFlags } from "./start_proxy.ts";
import { eventually, PROGRAM_MS, within } from "./deadline.ts";

/** The proxy at a terminal, which `script` plays: all it writes is in one stream. */
export interface Terminal {
  /** Waits until something was written. */
  says(pattern: RegExp): Promise<void>;
  type(text: string): Promise<void>;
  /** All that was written, once it has ended. */
  ended(): Promise<string>;
}

export function startAtTerminal(
  flags: readonly string[],
  { env, more }: { env: Readonly<Record<string, string>>; more: readonly string[] },
): Terminal {
  const root = new URL("../..", import.meta.url).pathname;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const line = [Deno.execPath(), ...runFlags(), "main.ts", ...flags, ...more].join(" ");
  // whether this process may show colours says nothing of the one at the terminal
  const child = new Deno.Command("env", {
    args: ["-u", "NO_COLOR", ...variables, "script", "-qfec", line, "/dev/null"],
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  let text = "";
  const read = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) text += decoder.decode(chunk, { stream: true });
  })();
  return {
    async says(pattern) {
      await eventually(
        () => pattern.test(text) || undefined,
        () => `${pattern} in\n${text}`,
        PROGRAM_MS,
      );
    },
    type: (typed) => input.write(new TextEncoder().encode(typed)),
    async ended() {
      await within(Promise.all([child.status, read]), () => `the end of\n${text}`, PROGRAM_MS);
      await input.close().catch(() => {});
      return text;
    },
  };
}
