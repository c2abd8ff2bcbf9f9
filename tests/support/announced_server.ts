import { PROGRAM_MS } from "./deadline.ts";
import { Lines } from "./lines.ts";
import { start, type Tool } from "./tools.ts";

/** A server in a process of its own that says where it listens. */
export interface AnnouncedServer extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  /** What else it says. */
  readonly lines: Lines;
}

/**
 * Starts one on the loopback interface.
 *
 * @param says the line with its port, in brackets
 */
export async function startAnnounced(
  tool: Tool,
  args: readonly string[],
  says = /^port (\d+)/,
): Promise<AnnouncedServer> {
  const running = start(tool, args);
  const lines = new Lines(running.child.stdout);
  const [, port] = await lines.first(says, PROGRAM_MS);
  return {
    address: `127.0.0.1:${port}`,
    lines,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await lines.ended;
    },
  };
}
