import { backendCommand, type BackendKind } from "./backend.ts";
import type { Surroundings } from "./plan.ts";
import { OpenConnections, type Target } from "./load.ts";
import { CONTENDER_CORE } from "./machine.ts";
import { CONTENDERS } from "./peers.ts";
import type { Processes, Running } from "./processes.ts";
import { type Candidate, findProgram } from "./programs.ts";
import type { Subject } from "./workloads.ts";

/** Milliseconds a contender or the backend has to take its first connection. */
const START_MS = 15_000;
/** Where `main.ts` is. */
const PROJECT = new URL("../..", import.meta.url).pathname;

export interface Started extends Subject {
  readonly running: Running;
}

/** What is the same for all contenders. */
export interface Stable extends Surroundings {
  readonly cert: string;
  readonly key: string;
  readonly backendPorts: Readonly<Record<BackendKind, number>>;
  readonly pinned: boolean;
}

/** @throws {Error} where it does not answer in time */
export function start(candidate: Candidate, stable: Stable): Promise<Started> {
  return startWith("files", { candidate, stable });
}

/** @throws {Error} where it does not answer in time */
export async function startWith(
  kind: BackendKind,
  { candidate: { contender, program }, stable }: { candidate: Candidate; stable: Stable },
): Promise<Started> {
  const { processes, cert, key, pinned } = stable;
  const backendPort = stable.backendPorts[kind];
  const port = freePort();
  const folder = await Deno.makeTempDir({ dir: stable.folder, prefix: contender.name });
  const command = await contender.command(program, { port, backendPort, cert, key, folder });
  const running = processes.start(command, {
    core: pinned ? CONTENDER_CORE : undefined,
    cwd: PROJECT,
  });
  const target: Target = { port, ca: await Deno.readTextFile(cert) };
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
  return { ...target, pid: running.pid, running };
}

/** @throws {Error} where it has to be killed */
export async function end({ running }: Started, processes: Processes): Promise<void> {
  if (!await processes.stop(running)) throw new Error("It did not end on SIGTERM and was killed");
}

/** @returns their ports */
export async function startBackends(
  surroundings: Surroundings,
): Promise<Record<BackendKind, number>> {
  const nginx = CONTENDERS.find(({ name }) => name === "nginx");
  const found = nginx && await findProgram(surroundings.processes, nginx);
  return {
    files: await startBackend(surroundings, found?.program),
    app: await startBackend(surroundings, undefined),
  };
}

async function startBackend(
  { processes, folder }: Surroundings,
  nginx: string | undefined,
): Promise<number> {
  const port = freePort();
  const own = await Deno.makeTempDir({ dir: folder, prefix: "backend" });
  const running = processes.start(await backendCommand({ port, folder: own, nginx }));
  await answering(running, async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  });
  return port;
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

export async function makeCertificate(
  { processes, folder }: Surroundings,
): Promise<{ cert: string; key: string }> {
  const cert = `${folder}/cert.pem`;
  const key = `${folder}/key.pem`;
  await processes.run([
    ...["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", key, "-out", cert],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    // as a CA it would not be taken for a server's
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
  ]);
  return { cert, key };
}
