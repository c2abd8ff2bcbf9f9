import assert from "node:assert/strict";
import type { EngineName } from "../../lib/tls/engine.ts";
import { testCertificates } from "./certificates.ts";
import { ConfigFile } from "./config_file.ts";
import type { ProxyOptions, ProxyProcess } from "./start_proxy.ts";

/** As much of a configuration as most tests vary: one listener, a test certificate, backends. */
export interface ProxyConfig {
  readonly mode?: "http" | "tcp";
  readonly engine?: EngineName;
  /**
   * By name, the one server (`host:port`) or all settings of a backend. `default`, else the first,
   * takes everything but the paths below the names of the others.
   */
  readonly backends: Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;
  /** More keys of the configuration file. One worker, unless they say otherwise. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A proxy that runs on a configuration file. */
export interface ConfiguredProxy extends ProxyProcess {
  readonly config: ConfigFile;
  /**
   * Has the file read again, by SIGHUP, and gives the line that tells how it went. With another
   * configuration that one is written first, and must be taken.
   */
  reload(next?: ProxyConfig): Promise<string>;
}

/** @param of the configuration: as text, in parts, or as a file that is there already */
export async function startConfigured(
  of: string | ProxyConfig | ConfigFile,
  options: ProxyOptions = {},
): Promise<ConfiguredProxy> {
  await using owned = new AsyncDisposableStack();
  const config = of instanceof ConfigFile ? of : owned.use(await ConfigFile.create(await text(of)));
  const proxy = owned.use(await config.start(options));
  const kept = owned.move();
  return {
    ...proxy,
    config,
    async reload(next) {
      if (next === undefined) return await reload(proxy);
      await config.write(await text(next));
      const told = await reload(proxy);
      assert.match(told, /^tls-proxy: reloaded /, proxy.says.text);
      return told;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Sends SIGHUP and gives what the proxy says of it: the line that tells how it went. */
export async function reload(proxy: ProxyProcess): Promise<string> {
  const before = proxy.says.matching(BY_SIGNAL).length;
  proxy.signal("SIGHUP");
  const told = await proxy.says.count(BY_SIGNAL, before + 1);
  return told[before] ?? "";
}

/** Others may be told at the same time: of files that have changed, or of the admin page. */
const BY_SIGNAL = /^tls-proxy: (?:not )?reloaded \(SIGHUP\): /;

/** How a reload went. */
export const RELOADED = /^tls-proxy: (?:reloaded|not reloaded) \(/;

/** Health checks fast enough for tests; no server that answers is ever too late, however busy it is. */
export const FAST_CHECKS = { interval: "200ms", fast_interval: "50ms", timeout: "20s" };

async function text(of: string | ProxyConfig): Promise<string> {
  if (typeof of === "string") return of;
  const { mode = "http", engine = "openssl", backends, settings } = of;
  const { ec } = await testCertificates();
  const names = Object.keys(backends);
  const other = names.includes("default") ? "default" : names[0];
  // JSON is YAML
  return JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", mode, engine }],
    certificates: [ec],
    backends: Object.fromEntries(
      Object.entries(backends).map(([name, of]) => [
        name,
        typeof of === "string" ? { servers: [of] } : of,
      ]),
    ),
    routes: [
      ...names.filter((name) => name !== other)
        .map((backend) => ({ paths: [`/${backend}`], backend })),
      { backend: other },
    ],
    workers: 1,
    ...settings,
  });
}
