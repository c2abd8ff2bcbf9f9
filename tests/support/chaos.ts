import { type ConfiguredProxy, startConfigured } from "./configured_proxy.ts";
import { type ChaosClient, connectClient } from "./chaos_clients.ts";
import type { Behaviour } from "./chaos_orders.ts";
import { eventually, pause, within } from "./deadline.ts";
import { Lines } from "./lines.ts";

export interface ChaosOptions {
  /** For how long things go wrong. */
  readonly seconds: number;
  /** Decides what goes wrong, and when. */
  readonly seed: number;
  /** Kept-alive connections; every other is by HTTP/2. */
  readonly clients: number;
}

/** What it came to. */
export interface ChaosReport {
  readonly seed: number;
  readonly requests: number;
  /** What went wrong, in order. */
  readonly faults: readonly string[];
  /** Requests that failed, by how, while a fault was not detected yet. */
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

/** Milliseconds after which a request must have been answered, one way or the other. */
const RESPONSE_TIMEOUT = 3_000;

/** Programs that serve by HTTP/1.1 and by HTTP/2, and how many of each. */
const PROGRAMS = { api: "chaos_backend.ts", modern: "chaos_http2_backend.ts" } as const;
const SERVERS = 4;

/** What may hold for two servers of all at once. */
const FAULTS = [
  "kill",
  "stop",
  "restart",
  "slow",
  "babble",
  "garbage",
  "silent",
  "truncate",
] as const;
type Fault = typeof FAULTS[number];

/** Those that have to be noticed; the others harm nobody. */
const NOTICED: ReadonlySet<Fault> = new Set(["kill", "stop", "garbage", "silent", "truncate"]);

/** Runs a load over servers of both versions while they are made to fail. */
export async function runChaos({ seconds, seed, clients }: ChaosOptions): Promise<ChaosReport> {
  const random = generator(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  await using cleanUp = new AsyncDisposableStack();
  const servers: ChaosServer[] = [];
  for (let i = 0; i < 2 * SERVERS; i++) {
    const program = i < SERVERS ? PROGRAMS.api : PROGRAMS.modern;
    servers.push(cleanUp.use(await ChaosServer.start(program)));
  }
  const addresses = servers.map(({ address }) => address);
  const proxy = cleanUp.use(
    await startProxy({ api: addresses.slice(0, SERVERS), modern: addresses.slice(SERVERS) }),
  );
  const before = await atRest(() => proxy.openFiles());

  const load = new Load(proxy.port, clients);
  load.start();
  // what fails here is not to be hidden by clients that find no proxy any more
  cleanUp.defer(() => load.stop());
  await pause(1_000);
  const warm = await proxy.memory();
  let half = 0;
  const faults: string[] = [];
  let slowestDetection = 0;
  for (const end = performance.now() + seconds * 1_000; performance.now() < end;) {
    const faulty = servers.filter(({ fault }) => fault !== undefined);
    const heal = faulty.length === 2 || (faulty.length === 1 && random() < 0.4);
    const server = pick(heal ? faulty : servers.filter(({ fault }) => fault === undefined));
    const watch = new StateWatch(proxy, server.address);
    load.clean = undefined;
    const started = performance.now();
    if (heal) {
      faults.push(`${server.address} is well`);
      await server.heal();
      await watch.until("up");
    } else {
      const fault = pick(FAULTS);
      faults.push(`${server.address} ${fault}`);
      await server.begin(fault);
      if (NOTICED.has(fault)) {
        await watch.until("out");
        slowestDetection = Math.max(slowestDetection, performance.now() - started);
      }
    }
    load.clean = performance.now();
    await pause(200 + 400 * random());
    if (half === 0 && performance.now() > end - seconds * 500) half = await proxy.memory();
  }
  load.clean = undefined;
  await load.stop();
  // every connection of the pool ends with its server
  for (const server of servers) await server.stop();
  const after = await eventually(async () => {
    const now = await proxy.openFiles();
    return now <= before ? now : undefined;
  }, `open files to become ${before} again`).catch(() => proxy.openFiles());
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
    faults,
    failed: load.failed,
    failedAfterDetection: load.failedAfterDetection,
    wrong: load.wrong,
    slowest: load.slowest,
    slowestDetection,
    openFiles: { before, after },
    memory,
    exitCode: code,
  };
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

function startProxy(
  servers: Readonly<Record<keyof typeof PROGRAMS, readonly string[]>>,
): Promise<ConfiguredProxy> {
  const health = {
    ...{ rise: 2, fall: 2 },
    ...{ interval: "200ms", fast_interval: "100ms", timeout: "1s" },
  };
  const timeouts = { connect: "1s", response: `${RESPONSE_TIMEOUT}ms` };
  const ejection = { failures: 3, time: "500ms" };
  const same = { timeouts, ejection, slow_start: "500ms" };
  const api = { servers: servers.api, health: { type: "http", path: "/healthz", ...health } };
  const modern = { servers: servers.modern, protocol: "h2", health: { type: "grpc", ...health } };
  return startConfigured({
    backends: { api: { ...api, ...same }, modern: { ...modern, ...same } },
  });
}

/** The value once it stays as it is; checks come and go. */
async function atRest(look: () => Promise<number>): Promise<number> {
  let lowest = Infinity;
  for (let i = 0; i < 12; i++) {
    lowest = Math.min(lowest, await look());
    await pause(50);
  }
  return lowest;
}

/** Whether the log has told that a server is out or back, from now on. */
class StateWatch {
  readonly #proxy: ConfiguredProxy;
  readonly #server: string;
  readonly #seen: number;
  #wasOut: boolean;

  constructor(proxy: ConfiguredProxy, server: string) {
    this.#proxy = proxy;
    this.#server = server;
    const lines = this.#lines();
    this.#seen = lines.length;
    this.#wasOut = / server down /.test(lines.at(-1) ?? "");
  }

  async until(state: "out" | "up"): Promise<void> {
    // a server that was never found out need not come back
    if (state === "up" && !this.#wasOut) return;
    const pattern = state === "up" ? / server up / : / server down /;
    await eventually(
      () =>
        Promise.resolve(
          this.#lines().slice(this.#seen).some((line) => pattern.test(line)) || undefined,
        ),
      () => `${this.#server} to be ${state}:\n${this.#proxy.log.all.slice(-20).join("\n")}`,
    );
  }

  #lines(): string[] {
    const own = ` server=${this.#server} `;
    return this.#proxy.log.matching(/ server (up|down) /).filter((line) => line.includes(own));
  }
}

/** Requests over kept-alive connections, one after another on each. */
class Load {
  requests = 0;
  slowest = 0;
  /** Since when no request may fail; undefined while a fault may be undetected. */
  clean: number | undefined;
  readonly failed: Record<string, number> = {};
  readonly failedAfterDetection: string[] = [];
  readonly wrong: string[] = [];
  readonly #port: number;
  readonly #clients: number;
  #running: Promise<void>[] = [];
  #stopping = false;

  constructor(port: number, clients: number) {
    this.#port = port;
    this.#clients = clients;
  }

  start(): void {
    this.#running = Array.from(
      { length: this.#clients },
      (_, index) => this.#run(index % 2 === 0 ? "http/1.1" : "h2"),
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #run(version: "http/1.1" | "h2"): Promise<void> {
    let client: ChaosClient | undefined;
    while (!this.#stopping) {
      client ??= await connectClient(this.#port, version);
      const number = this.requests++;
      const started = performance.now();
      const outcome = await client.ask(number);
      const took = performance.now() - started;
      this.slowest = Math.max(this.slowest, took);
      if (outcome === "right") {
        await pause(2);
        continue;
      }
      const told = `request ${number} by ${version}: ${outcome} after ${took.toFixed(0)} ms`;
      if (outcome === "wrong") this.wrong.push(told);
      else if (this.clean !== undefined && started >= this.clean) {
        this.failedAfterDetection.push(told);
      } else this.failed[outcome] = (this.failed[outcome] ?? 0) + 1;
      if (client.isOver) {
        client[Symbol.dispose]();
        client = undefined;
      }
    }
    client?.[Symbol.dispose]();
  }
}

/** A backend process that can be made to fail. */
class ChaosServer implements AsyncDisposable {
  readonly address: string;
  fault: Fault | undefined;
  readonly #port: number;
  readonly #program: string;
  #process: BackendProcess;

  private constructor(program: string, started: BackendProcess) {
    this.#program = program;
    this.#process = started;
    this.#port = started.port;
    this.address = `127.0.0.1:${started.port}`;
  }

  /** @param program beside this file */
  static async start(program: string): Promise<ChaosServer> {
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
        this.#process = await startProcess(this.#program, this.#port);
        return;
      default:
        return await this.#process.order(fault);
    }
  }

  async heal(): Promise<void> {
    const { fault } = this;
    this.fault = undefined;
    if (fault === "kill") this.#process = await startProcess(this.#program, this.#port);
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
  order(behaviour: Behaviour): Promise<void>;
}

async function startProcess(program: string, port: number): Promise<BackendProcess> {
  const script = new URL(program, import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--no-config", "--allow-net=127.0.0.1", script, `${port}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const says = new Lines(child.stdout);
  const [, listening] = await says.first(/^listening on (\d+)$/);
  const writer = child.stdin.getWriter();
  let orders = 0;
  return {
    child,
    says,
    port: Number(listening),
    order: async (behaviour) => {
      await writer.write(new TextEncoder().encode(`${behaviour}\n`));
      await says.count(/^now /, ++orders);
    },
  };
}

/** Numbers that the seed decides (mulberry32). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
