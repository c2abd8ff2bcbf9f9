import { createTestAuthority } from "./authority.ts";
import { atRest, filesAfter, mebibytes } from "./chaos.ts";
import { connectClient } from "./chaos_clients.ts";
import { Calm, Load } from "./chaos_load.ts";
import { CHAOS_PROGRAMS, type ChaosProgram, ChaosServer } from "./chaos_server.ts";
import { generator, Trouble } from "./chaos_trouble.ts";
import { pause, within } from "./deadline.ts";
import { soakClients } from "./soak_clients.ts";
import { type Figures, growthIn } from "./soak_figures.ts";
import { SoakProxy } from "./soak_proxy.ts";
import { ENGINES } from "./start_proxy.ts";

export interface SoakOptions {
  readonly seconds: number;
  /** Decides what happens, and when. */
  readonly seed: number;
  /** Gets a line for each proxy and minute. */
  say(line: string): Promise<void>;
}

/** What it came to for one proxy. */
export interface SoakReport {
  readonly engine: string;
  readonly requests: number;
  readonly wrong: readonly string[];
  /** How many failed while something happened to servers, by whose and how. */
  readonly failed: Readonly<Record<string, number>>;
  /** Requests that failed although nothing happened to any server. */
  readonly failedInCalm: readonly string[];
  /** What takes up more and more. */
  readonly growth: readonly string[];
  readonly openFiles: { readonly before: number; readonly after: number };
  readonly compressed: number;
  /** Answers of 429. */
  readonly limited: number;
  /** How many handshakes failed, by why: strangers and those who leave have some. */
  readonly handshakes: Readonly<Record<string, number>>;
  /** Requests of the log, and answers that clients have got, which have to be among them. */
  readonly logged: number;
  readonly exitCode: number;
}

/** Servers of each kind: two may be faulty. */
const SERVERS = 3;
/** From one thread to the others, on a busy machine. */
const SPREAD_MS = 500;
/** What happens in turn. */
const ACTS = 3;
/** Connections that come all at once. */
const BURST = 300;

/** Runs a proxy on each engine with everything at once, over servers that come and go. */
export async function runSoak({ seconds, seed, say }: SoakOptions): Promise<{
  readonly changes: readonly string[];
  readonly reports: readonly SoakReport[];
}> {
  const random = generator(seed);
  await using cleanUp = new AsyncDisposableStack();
  const start = (program: ChaosProgram) =>
    Promise.all(Array.from({ length: SERVERS }, async () => {
      return cleanUp.use(await ChaosServer.start(program));
    }));
  const { http1, http2, site } = CHAOS_PROGRAMS;
  const servers = {
    api: await start(http1),
    modern: await start(http2),
    site: await start(site),
  };
  const all = Object.values(servers).flat();
  const calm = new Calm();
  const lanes: Lane[] = [];
  for (const engine of ENGINES) {
    lanes.push(cleanUp.use(await Lane.start(engine, { servers, calm, seed })));
  }
  const trouble = new Trouble({
    ...{ servers: all, calm, spread: SPREAD_MS, random },
    proxies: lanes.map(({ proxy }) => proxy.admin),
  });
  const began = performance.now();
  const end = began + seconds * 1_000;
  // on a slow machine, too, each thing is to happen once
  for (let round = 0, minute = 1; round < ACTS || performance.now() < end; round++) {
    await trouble.next();
    await Promise.all(lanes.map((lane) => lane.act(round)));
    await pause(1_000 + 1_000 * random());
    await Promise.all(lanes.map((lane) => lane.look()));
    if (performance.now() < began + minute * 60_000) continue;
    for (const lane of lanes) await say(`minute ${minute}, ${lane.told}`);
    minute = 1 + Math.floor((performance.now() - began) / 60_000);
  }
  calm.end();
  for (const lane of lanes) await lane.load.stop();
  // every connection of the pool ends with its server
  for (const server of all) await server.stop();
  const reports = [];
  for (const lane of lanes) reports.push(await lane.finish());
  return { changes: trouble.changes, reports };
}

/** One proxy, its clients, and what was seen of it. */
class Lane implements AsyncDisposable {
  readonly proxy: SoakProxy;
  readonly load: Load;
  readonly #figures: Figures[] = [];
  readonly #before: number;

  private constructor(proxy: SoakProxy, load: Load, before: number) {
    this.proxy = proxy;
    this.load = load;
    this.#before = before;
  }

  static async start(
    engine: SoakProxy["engine"],
    { servers, calm, seed }: {
      servers: Readonly<Record<"api" | "modern" | "site", readonly ChaosServer[]>>;
      calm: Calm;
      seed: number;
    },
  ): Promise<Lane> {
    const clients = engine === "openssl" ? await createTestAuthority("/CN=Clients") : undefined;
    const proof = await clients?.issue({ subject: "/CN=soak" });
    const addresses = (of: readonly ChaosServer[]) => of.map(({ address }) => address);
    const proxy = await SoakProxy.start({
      engine,
      servers: {
        api: addresses(servers.api),
        modern: addresses(servers.modern),
        site: addresses(servers.site),
      },
      clientCa: clients?.ca,
    });
    const before = await atRest(() => proxy.proxy.openFiles());
    const load = new Load(calm);
    const { port } = proxy.proxy;
    for (const kind of soakClients({ port, adminPort: proxy.admin.port, proof, calm, seed })) {
      load.start(kind);
    }
    return new Lane(proxy, load, before);
  }

  /** What happens in a round, beside what happens to servers. */
  async act(round: number): Promise<void> {
    await this.proxy.reload();
    switch (round % ACTS) {
      case 0:
        return await this.#burst();
      case 1:
        return await this.proxy.rotate();
      case 2:
        return await this.proxy.renew();
    }
  }

  async look(): Promise<void> {
    this.#figures.push(await this.proxy.figures());
  }

  get told(): string {
    const { requests, wrong, failed, failedInCalm } = this.load;
    const { resident = 0, heap = 0, descriptors = 0 } = this.#figures.at(-1) ?? {};
    const excused = Object.values(failed).reduce((sum, count) => sum + count, 0);
    const last = failedInCalm.at(-1);
    return [
      `${this.proxy.engine}: ${requests} requests, ${wrong.length} wrong`,
      `${excused} failed with a server, ${failedInCalm.length} without a reason` +
      (last === undefined ? "" : ` (the last: ${last})`),
      `${mebibytes(resident)} MiB resident, ${mebibytes(heap)} MiB heap`,
      `${descriptors} descriptors`,
    ].join(", ");
  }

  async finish(): Promise<SoakReport> {
    const { proxy, load } = this;
    const after = await filesAfter(proxy.proxy, this.#before);
    const compressed = await proxy.admin.metric("tls_proxy_compressed_answers_total");
    const limited = await proxy.admin.metric("tls_proxy_rule_answers_total", 'rule="rate_limit"');
    const { reasons } = (await proxy.admin.status()).handshakeFailures;
    proxy.proxy.signal("SIGTERM");
    const { code } = await within(proxy.proxy.status, "the proxy's end");
    await proxy.readLogs();
    return {
      engine: proxy.engine,
      requests: load.requests,
      wrong: load.wrong,
      failed: load.failed,
      failedInCalm: load.failedInCalm,
      growth: growthIn(this.#figures),
      openFiles: { before: this.#before, after },
      compressed,
      limited,
      handshakes: Object.fromEntries(reasons.map(({ reason, count }) => [reason, count])),
      logged: proxy.logged,
      exitCode: code,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.stop();
    await this.proxy[Symbol.asyncDispose]();
  }

  /** All are open until the last has its answer. */
  async #burst(): Promise<void> {
    const { port } = this.proxy.proxy;
    const clients = await Promise.all(Array.from({ length: BURST }, async () => {
      const client = await this.load.connect("a burst", () => connectClient(port, "http/1.1"));
      if (client !== undefined) await this.load.ask("a burst", client);
      return client;
    }));
    for (const client of clients) client?.[Symbol.dispose]();
  }
}
