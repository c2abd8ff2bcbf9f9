import assert from "node:assert/strict";
import type { EngineName } from "../../lib/tls/engine.ts";
import { AdminPage } from "./admin_page.ts";
import { ask, connectAs } from "./ask.ts";
import { fingerprintOf, testCertificates } from "./certificates.ts";
import { CHAOS_TIMES } from "./chaos.ts";
import { ConfigFile } from "./config_file.ts";
import { type ConfiguredProxy, startConfigured } from "./configured_proxy.ts";
import { eventually } from "./deadline.ts";
import { printedFlags } from "./printed_permissions.ts";
import { CLIENTS_NAME } from "./soak_clients.ts";
import type { Figures } from "./soak_figures.ts";

/** The addresses of servers, by backend. */
export interface SoakServers {
  readonly api: readonly string[];
  readonly modern: readonly string[];
  readonly site: readonly string[];
}

export interface SoakSetting {
  readonly engine: EngineName;
  readonly servers: SoakServers;
  /** A CA of clients, for the engine that can ask for them. */
  readonly clientCa: string | undefined;
}

/** A proxy with everything switched on, and what an operator does with it. */
export class SoakProxy implements AsyncDisposable {
  readonly engine: EngineName;
  readonly proxy: ConfiguredProxy;
  readonly admin: AdminPage;
  /** Requests that the log files so far have. */
  logged = 0;
  readonly #setting: SoakSetting;
  readonly #file: ConfigFile;
  readonly #owned: AsyncDisposableStack;
  #reloads = 0;
  #pair: "ec" | "rsa" = "ec";
  /** A log file that was moved away and is not read yet. */
  #moved: string | undefined;

  private constructor(
    setting: SoakSetting,
    { file, proxy, admin, owned }: {
      file: ConfigFile;
      proxy: ConfiguredProxy;
      admin: AdminPage;
      owned: AsyncDisposableStack;
    },
  ) {
    this.engine = setting.engine;
    this.#setting = setting;
    this.#file = file;
    this.proxy = proxy;
    this.admin = admin;
    this.#owned = owned;
  }

  static async start(setting: SoakSetting): Promise<SoakProxy> {
    await using stack = new AsyncDisposableStack();
    const yaml = configuration(setting, 0);
    const file = stack.use(await ConfigFile.create(yaml, { prefix: "tls-proxy-soak-" }));
    await putPair(file, "ec");
    const granted = await printedFlags(file.path);
    const proxy = stack.use(await startConfigured(file, { granted }));
    const admin = await AdminPage.of(proxy);
    return new SoakProxy(setting, { file, proxy, admin, owned: stack.move() });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }

  /** Takes another configuration, which is in force when this settles. */
  async reload(): Promise<void> {
    await this.#file.replace(configuration(this.#setting, ++this.#reloads));
    const told = await this.proxy.reload();
    assert.match(told, /^tls-proxy: reloaded /, this.proxy.says.text);
    const { body } = await ask(this.proxy.port, { sni: "localhost", path: "/told" });
    assert.equal(body, `reload ${this.#reloads}`);
  }

  /** Puts another certificate in the place of the last, and waits until clients get it. */
  async renew(): Promise<void> {
    this.#pair = this.#pair === "ec" ? "rsa" : "ec";
    await putPair(this.#file, this.#pair);
    const expected = await fingerprintOf((await testCertificates())[this.#pair]);
    await eventually(async () => {
      const { connection, fingerprint } = await connectAs(this.proxy.port, "localhost");
      connection.close();
      return fingerprint === expected || undefined;
    }, `the new certificate:\n${this.proxy.says.all.slice(-20).join("\n")}`);
  }

  /** Moves the log away, and reads what was moved before. */
  async rotate(): Promise<void> {
    const path = `${this.#file.folder}/access.log`;
    await this.#readMoved();
    this.#moved = `${path}.1`;
    await Deno.rename(path, this.#moved);
    await this.reload();
  }

  /** Reads what there is of the log, once the proxy has ended. */
  async readLogs(): Promise<void> {
    await this.#readMoved();
    this.#moved = `${this.#file.folder}/access.log`;
    await this.#readMoved();
  }

  async figures(): Promise<Figures> {
    return {
      resident: await this.proxy.memory(),
      heap: await this.admin.metric("tls_proxy_memory_bytes", 'kind="heap_used"'),
      descriptors: await this.proxy.openFiles(),
    };
  }

  /** Every line has to be JSON, and none may tell of a bug. */
  async #readMoved(): Promise<void> {
    if (this.#moved === undefined) return;
    const lines = (await Deno.readTextFile(this.#moved)).trimEnd().split("\n");
    for (const line of lines) {
      const { event, how } = JSON.parse(line);
      assert.notEqual(how, "internal", line);
      if (event === "request") this.logged++;
    }
    await Deno.remove(this.#moved);
    this.#moved = undefined;
  }
}

/** Puts a certificate and its key in the place of the last, at once. */
async function putPair({ folder }: ConfigFile, pair: "ec" | "rsa"): Promise<void> {
  const { cert, key } = (await testCertificates())[pair];
  const both = await Promise.all([cert, key].map((path) => Deno.readTextFile(path)));
  await Deno.writeTextFile(`${folder}/pair.pem.new`, both.join(""));
  await Deno.rename(`${folder}/pair.pem.new`, `${folder}/pair.pem`);
}

function configuration({ engine, servers, clientCa }: SoakSetting, version: number): string {
  const { health, backend } = CHAOS_TIMES;
  const checked = { health: { type: "http", path: "/healthz", ...health }, ...backend };
  const same = { type: "text/plain", body: `reload ${version}` };
  const spare = version % 2 === 0 ? {} : { spare: { servers: servers.api.slice(0, 1) } };
  return JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", engine }],
    certificates: [{ cert: "pair.pem", key: "pair.pem" }],
    ...(clientCa === undefined ? {} : { client_auth: [{ hosts: [CLIENTS_NAME], ca: clientCa }] }),
    backends: {
      api: { servers: servers.api, ...checked },
      modern: {
        ...{ servers: servers.modern, protocol: "h2", ...checked },
        health: { type: "grpc", ...health },
      },
      site: { servers: servers.site, sticky: { cookie: "at", ttl: "1h" }, ...checked },
      ...spare,
    },
    routes: [
      { paths: ["/told"], respond: same },
      { paths: ["/limited"], backend: "site", rate_limit: { requests: "10/m", burst: 5 } },
      { paths: ["/download"], backend: "site", compress: true },
      { paths: ["/sticky", "/upload", "/ws", "/slow", "/big"], backend: "site" },
      { paths: ["/modern"], backend: "modern" },
      ...Object.keys(spare).map((name) => ({ paths: [`/${name}`], backend: name })),
      { backend: "api" },
    ],
    // what a client keeps open for no good is to be over before descriptors are counted, and a
    // burst on a slow machine is not
    timeouts: { handshake: "20s", header: "20s", body_idle: "10s", keep_alive: "10s" },
    admin: { listen: "127.0.0.1:0" },
    log: { file: "access.log", format: "json" },
    workers: 2,
  });
}
