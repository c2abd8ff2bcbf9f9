import { type BackendPorts, nginxBackend, programBackend } from "./backend.ts";
import type { Certificates } from "./certificates.ts";
import type { ServerFiles } from "./contender.ts";
import { OpenConnections } from "./load/connections.ts";
import type { Target } from "./load/target.ts";
import { CONTENDER_CORE } from "./machine.ts";
import { NGINX } from "./peers/nginx.ts";
import type { Surroundings } from "./plan.ts";
import type { Processes, Running } from "./processes.ts";
import { type Candidate, findProgram, NOT_INSTALLED } from "./programs.ts";
import { type Setup, SETUPS } from "./setup.ts";
import type { Subject } from "./workloads/workload.ts";

/** Milliseconds a contender or the backend has to take its first connection. */
const START_MS = 15_000;
/** Where `main.ts` is. */
const PROJECT = new URL("../..", import.meta.url).pathname;

export interface Started extends Subject {
  readonly running: Running;
  /** Where its metrics are to be read from, as a monitoring system would. */
  readonly metrics?: string;
}

/** What is the same for all contenders. */
export interface Stable extends Surroundings {
  readonly certificates: Certificates;
  readonly backendPorts: BackendPorts;
  readonly pinned: boolean;
}

/** @throws {Error} where it does not answer in time */
export async function start(
  { contender, program }: Candidate,
  setup: Setup,
  stable: Stable,
): Promise<Started> {
  const { processes, certificates, pinned } = stable;
  const port = freePort();
  const folder = await Deno.makeTempDir({ dir: stable.folder, prefix: contender.name });
  const backendPort = stable.backendPorts[SETUPS[setup].backend];
  const adminPort = freePort();
  const setting = { ...certificates, setup, port, backendPort, adminPort, folder };
  const running = processes.start(await contender.command(program, setting), {
    core: pinned ? CONTENDER_CORE : undefined,
    cwd: PROJECT,
  });
  const target = await targetOf(setup, port, certificates);
  try {
    await answering(running, async () => {
      using connection = new OpenConnections(target);
      await connection.add(1);
    });
  } catch (error) {
    // it is not to take CPU from those that are measured
    await processes.stop(running);
    throw error;
  }
  const metrics = contender.hasMetrics ? { metrics: `http://127.0.0.1:${adminPort}/metrics` } : {};
  return { ...target, ...metrics, folder, pid: running.pid, running };
}

async function targetOf(setup: Setup, port: number, files: Certificates): Promise<Target> {
  const read = (path: string) => Deno.readTextFile(path);
  const { cert, key } = files.client;
  return {
    port,
    ca: await read(files.ca),
    ...(setup === "clients" ? { client: { cert: await read(cert), key: await read(key) } } : {}),
  };
}

/** @throws {Error} where it has to be killed */
export async function end({ running }: Started, processes: Processes): Promise<void> {
  if (!await processes.stop(running)) throw new Error("It did not end on SIGTERM and was killed");
}

/**
 * Starts what stands behind contenders, for as long as the bench runs.
 *
 * @returns where
 * @throws {Error} where something is missing, or does not answer in time
 */
export async function startBackends(
  { processes, folder }: Surroundings,
  files: ServerFiles,
): Promise<BackendPorts> {
  const nginx = await findProgram(processes, NGINX);
  if (nginx === undefined) throw new Error(`nginx ${NOT_INSTALLED}: it is the server behind all`);
  const ports = { files: freePort(), app: freePort(), h2c: freePort(), tls: freePort() };
  const own = await Deno.makeTempDir({ dir: folder, prefix: "backend" });
  const setting = { ports, folder: own, ...files };
  for (
    const [command, port] of [
      [await nginxBackend(nginx.program, setting), ports.files],
      [programBackend(ports.app), ports.app],
    ] as const
  ) {
    await answering(processes.start(command), async () => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    });
  }
  return ports;
}

/** Waits until a process that was just started passes a test. */
async function answering(running: Running, test: () => Promise<void>): Promise<void> {
  let ended = false;
  running.ended.then(() => ended = true);
  for (const late = performance.now() + START_MS;;) {
    try {
      return await test();
    } catch (error) {
      if (ended) throw new Error(`It ended by itself: ${running.command}`);
      if (performance.now() > late) {
        throw new Error(`It does not answer: ${running.command}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
