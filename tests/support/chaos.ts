import { AdminPage } from "./admin_page.ts";
import { connectClient } from "./chaos_clients.ts";
import { Calm, Load } from "./chaos_load.ts";
import { CHAOS_PROGRAMS, ChaosServer } from "./chaos_server.ts";
import { generator, Trouble } from "./chaos_trouble.ts";
import { type ConfiguredProxy, startConfigured } from "./configured_proxy.ts";
import { eventually, pause, PROGRAM_MS, within } from "./deadline.ts";

export interface ChaosOptions {
  /** For how long things go wrong. */
  readonly seconds: number;
  /** Decides what goes wrong, and when. */
  readonly seed: number;
  /** Kept-alive connections of each version of HTTP. */
  readonly clients: number;
}

/** What it came to. */
export interface ChaosReport {
  readonly seed: number;
  readonly requests: number;
  /** Requests that the proxy sent once more. */
  readonly repeated: number;
  /** What went wrong, in order. */
  readonly faults: readonly string[];
  /** How many failed while a fault was not detected yet, by version and how. */
  readonly failed: Readonly<Record<string, number>>;
  /** Requests that failed although no fault was left to be detected. */
  readonly failedAfterDetection: readonly string[];
  /** Answers with 200 and the wrong body. */
  readonly wrong: readonly string[];
  /** Milliseconds of the slowest request. */
  readonly slowest: number;
  /** Milliseconds from a fault to its detection, at the most. */
  readonly slowestDetection: number;
  readonly openFiles: { readonly before: number; readonly after: number };
  /** Mebibytes of resident memory: after a second, in the middle, and at the end. */
  readonly memory: { readonly warm: number; readonly half: number; readonly after: number };
  readonly exitCode: number;
}

/** Servers of each version of HTTP. */
const SERVERS = 4;
/** Requests that are to meet trouble at the least, however slow the machine is; none may come at all. */
const LEAST_REQUESTS = 150;

/** Runs a load over servers of both versions while they are made to fail. */
export async function runChaos({ seconds, seed, clients }: ChaosOptions): Promise<ChaosReport> {
  const random = generator(seed);
  await using cleanUp = new AsyncDisposableStack();
  const servers: ChaosServer[] = [];
  for (let i = 0; i < 2 * SERVERS; i++) {
    const { http1, http2 } = CHAOS_PROGRAMS;
    servers.push(cleanUp.use(await ChaosServer.start(i < SERVERS ? http1 : http2)));
  }
  const proxy = cleanUp.use(await startProxy(servers));
  const before = await atRest(() => proxy.openFiles());

  const calm = new Calm();
  const load = new Load(calm);
  for (const version of ["http/1.1", "h2"] as const) {
    const connect = () => connectClient(proxy.port, version);
    load.start({ name: version, count: clients, pause: 2, connect });
  }
  // what fails here is not to be hidden by clients that find no proxy any more
  cleanUp.defer(() => load.stop());
  await pause(1_000);
  const warm = await proxy.memory();
  let half = 0;
  const admin = await AdminPage.of(proxy);
  const trouble = new Trouble({ servers, proxies: [admin], calm, spread: 0, random });
  const end = performance.now() + seconds * 1_000;
  const isTooFew = () => load.requests < LEAST_REQUESTS && performance.now() < end + PROGRAM_MS;
  while (performance.now() < end || isTooFew()) {
    await trouble.next();
    await pause(200 + 400 * random());
    if (half === 0 && performance.now() > end - seconds * 500) half = await proxy.memory();
  }
  calm.end();
  await load.stop();
  // every connection of the pool ends with its server
  for (const server of servers) await server.stop();
  const after = await filesAfter(proxy, before);
  const repeated = await admin.metric("tls_proxy_retries_total");
  const memory = {
    warm: mebibytes(warm),
    half: mebibytes(half),
    after: mebibytes(await proxy.memory()),
  };
  proxy.signal("SIGTERM");
  const { code } = await within(proxy.status, "the proxy's end");
  return {
    seed,
    requests: load.requests,
    repeated,
    faults: trouble.changes,
    failed: load.failed,
    failedAfterDetection: load.failedInCalm,
    wrong: load.wrong,
    slowest: load.slowest,
    slowestDetection: trouble.slowestDetection,
    openFiles: { before, after },
    memory,
    exitCode: code,
  };
}

export function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

/** Health checks, and the times that a fault may take. */
export const CHAOS_TIMES = {
  health: {
    ...{ rise: 2, fall: 2 },
    ...{ interval: "200ms", fast_interval: "100ms", timeout: "1s" },
  },
  backend: {
    timeouts: { connect: "1s", response: "3s" },
    ejection: { failures: 3, time: "500ms" },
    slow_start: "500ms",
  },
} as const;

function startProxy(servers: readonly ChaosServer[]): Promise<ConfiguredProxy> {
  const { health, backend } = CHAOS_TIMES;
  const addresses = servers.map(({ address }) => address);
  const [old, modern] = [addresses.slice(0, SERVERS), addresses.slice(SERVERS)];
  const http = { type: "http", path: "/healthz", ...health };
  return startConfigured({
    backends: {
      api: { servers: old, health: http, ...backend },
      modern: { servers: modern, protocol: "h2", health: { type: "grpc", ...health }, ...backend },
    },
    settings: { admin: { listen: "127.0.0.1:0" } },
  });
}

/** How many descriptors are open once the proxy is at rest; checks come and go. */
export async function atRest(look: () => Promise<number>): Promise<number> {
  let lowest = Infinity;
  for (let i = 0; i < 12; i++) {
    lowest = Math.min(lowest, await look());
    await pause(50);
  }
  return lowest;
}

/** How many there are behind all, when it has had the time to become as many as before. */
export function filesAfter(
  proxy: Pick<ConfiguredProxy, "openFiles">,
  before: number,
): Promise<number> {
  return eventually(async () => {
    const now = await proxy.openFiles();
    return now <= before ? now : undefined;
  }, `open files to become ${before} again`).catch(() => proxy.openFiles());
}
