import { type ConfiguredProxy, startConfigured } from "./configured_proxy.ts";
import type { Behaviour } from "./chaos_backend.ts";
import { expectedBody } from "./chaos_answer.ts";
import { eventually, pause, within } from "./deadline.ts";
import { encodeRequest, readAnswer } from "./http.ts";
import { Lines } from "./lines.ts";
import { connectTls } from "./tls_client.ts";
import type { TestConnection } from "./connection.ts";

export interface ChaosOptions {
  /** For how long things go wrong. */
  readonly seconds: number;
  /** Decides what goes wrong, and when. */
  readonly seed: number;
  /** Kept-alive connections. */
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

/** What may hold for two servers of four at once. */
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

/** Runs a load over four backends while they are made to fail. */
export async function runChaos({ seconds, seed, clients }: ChaosOptions): Promise<ChaosReport> {
  const random = generator(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  await using cleanUp = new AsyncDisposableStack();
  const servers: ChaosServer[] = [];
  for (let i = 0; i < 4; i++) servers.push(cleanUp.use(await ChaosServer.start()));
  const proxy = cleanUp.use(await startProxy(servers.map(({ address }) => address)));
  const before = await atRest(() => proxy.openFiles());

  const load = new Load(proxy.port, clients);
  load.start();
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

function startProxy(servers: readonly string[]): Promise<ConfiguredProxy> {
  const health = {
    ...{ type: "http", path: "/healthz", rise: 2, fall: 2 },
    ...{ interval: "200ms", fast_interval: "100ms", timeout: "1s" },
  };
  const timeouts = { connect: "1s", response: `${RESPONSE_TIMEOUT}ms` };
  const ejection = { failures: 3, time: "500ms" };
  const api = { servers, health, timeouts, ejection, slow_start: "500ms" };
  return startConfigured({ backends: { api } });
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
    this.#running = Array.from({ length: this.#clients }, () => this.#run());
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    let client: TestConnection | undefined;
    while (!this.#stopping) {
      client ??= await connectTls(this.#port);
      const number = this.requests++;
      const started = performance.now();
      const outcome = await this.#ask(client, number);
      const took = performance.now() - started;
      this.slowest = Math.max(this.slowest, took);
      if (outcome === "right") {
        await pause(2);
        continue;
      }
      const told = `request ${number}: ${outcome} after ${took.toFixed(0)} ms`;
      if (outcome === "wrong") this.wrong.push(told);
      else if (this.clean !== undefined && started >= this.clean) {
        this.failedAfterDetection.push(told);
      } else this.failed[outcome] = (this.failed[outcome] ?? 0) + 1;
      if (!/^\d+$/.test(outcome)) {
        client.close();
        client = undefined;
      }
    }
    client?.close();
  }

  async #ask(client: TestConnection, number: number): Promise<string> {
    try {
      await client.write(encodeRequest(`/n/${number}`));
      const { status, body } = await readAnswer(client);
      if (status !== 200) return String(status);
      return body === await expectedBody(number) ? "right" : "wrong";
    } catch (error) {
      return error instanceof Error && error.message.startsWith("Waited") ? "hung" : "cut off";
    }
  }
}

/** A backend process that can be made to fail. */
class ChaosServer implements AsyncDisposable {
  readonly address: string;
  fault: Fault | undefined;
  readonly #port: number;
  #process: BackendProcess;

  private constructor(started: BackendProcess) {
    this.#process = started;
    this.#port = started.port;
    this.address = `127.0.0.1:${started.port}`;
  }

  static async start(): Promise<ChaosServer> {
    return new ChaosServer(await startProcess(0));
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
        this.#process = await startProcess(this.#port);
        return;
      default:
        return await this.#process.order(fault);
    }
  }

  async heal(): Promise<void> {
    const { fault } = this;
    this.fault = undefined;
    if (fault === "kill") this.#process = await startProcess(this.#port);
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

async function startProcess(port: number): Promise<BackendProcess> {
  const script = new URL("chaos_backend.ts", import.meta.url).pathname;
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
