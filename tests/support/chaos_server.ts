import type { Behaviour } from "./chaos_orders.ts";
import { PROGRAM_MS } from "./deadline.ts";
import { Lines } from "./lines.ts";

/** What some of them are told beside: to leave connections amid their requests, by GOAWAY. */
type Order = Behaviour | "goaway";

/** What may hold for a server. */
export type Fault = "kill" | "stop" | "restart" | Exclude<Order, "good">;

/** Those that have to be noticed; the others harm nobody. */
export const NOTICED: ReadonlySet<Fault> = new Set([
  "kill",
  "stop",
  "garbage",
  "silent",
  "truncate",
]);

/** A backend as a program beside this file, and what it can be made to do. */
export interface ChaosProgram {
  readonly file: string;
  readonly faults: readonly Fault[];
}

/** What can be done to any process. */
const TO_PROCESSES = ["kill", "stop", "restart"] as const;
const BY_ORDER = ["slow", "babble", "garbage", "silent", "truncate"] as const;

export const CHAOS_PROGRAMS = {
  http1: { file: "chaos_backend.ts", faults: [...TO_PROCESSES, ...BY_ORDER] },
  http2: { file: "chaos_http2_backend.py", faults: [...TO_PROCESSES, ...BY_ORDER, "goaway"] },
  site: { file: "soak_backend.ts", faults: TO_PROCESSES },
} as const satisfies Readonly<Record<string, ChaosProgram>>;

/** Debian's own, which has Debian's modules: another may come before it in PATH. */
const PYTHON = ["/usr/bin/python3"] as const;
const DENO = [
  ...[Deno.execPath(), "run", "-q", "--no-prompt", "--no-config"],
  "--allow-net=127.0.0.1",
] as const;

/** A backend process that can be made to fail. */
export class ChaosServer implements AsyncDisposable {
  readonly address: string;
  fault: Fault | undefined;
  readonly program: ChaosProgram;
  readonly #port: number;
  #process: BackendProcess;

  private constructor(program: ChaosProgram, started: BackendProcess) {
    this.program = program;
    this.#process = started;
    this.#port = started.port;
    this.address = `127.0.0.1:${started.port}`;
  }

  static async start(program: ChaosProgram): Promise<ChaosServer> {
    return new ChaosServer(program, await startProcess(program, 0));
  }

  async begin(fault: Fault): Promise<void> {
    this.fault = fault;
    switch (fault) {
      case "kill":
        return await this.stop();
      case "stop":
        return this.#process.child.kill("SIGSTOP");
      case "restart":
        await this.stop();
        this.#process = await startProcess(this.program, this.#port);
        return;
      default:
        return await this.#process.order(fault);
    }
  }

  async heal(): Promise<void> {
    const { fault } = this;
    this.fault = undefined;
    if (fault === "kill") this.#process = await startProcess(this.program, this.#port);
    else if (fault === "stop") this.#process.child.kill("SIGCONT");
    else if (fault !== "restart") await this.#process.order("good");
  }

  async stop(): Promise<void> {
    const { child, says } = this.#process;
    try {
      child.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await child.status;
    await says.ended;
    await child.stdin.abort().catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

interface BackendProcess {
  readonly child: Deno.ChildProcess;
  readonly says: Lines;
  readonly port: number;
  order(order: Order): Promise<void>;
}

async function startProcess({ file }: ChaosProgram, port: number): Promise<BackendProcess> {
  const script = new URL(file, import.meta.url).pathname;
  const [program, ...flags] = file.endsWith(".py") ? PYTHON : DENO;
  const child = new Deno.Command(program, {
    args: [...flags, script, `${port}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const says = new Lines(child.stdout);
  const [, listening] = await says.first(/^listening on (\d+)$/, PROGRAM_MS);
  const writer = child.stdin.getWriter();
  let orders = 0;
  return {
    child,
    says,
    port: Number(listening),
    order: async (order) => {
      await writer.write(new TextEncoder().encode(`${order}\n`));
      await says.count(/^now /, ++orders);
    },
  };
}
