import { testCertificates } from "./certificates.ts";
import { type ProxyOptions, type ProxyProcess, startProxy } from "./start_proxy.ts";

/** As much of a configuration as these tests vary; YAML takes JSON too. */
export interface ProxyConfig {
  readonly mode?: "http" | "tcp";
  readonly engine?: "node" | "deno";
  /** The settings of backends, by name; everything goes to the first. */
  readonly backends: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A proxy in front of backends with all their settings. */
export interface ConfiguredProxy extends ProxyProcess {
  /** Reloads with other settings, and waits until they are in force. */
  reload(config: ProxyConfig): Promise<void>;
}

export async function startConfigured(
  config: ProxyConfig,
  options: ProxyOptions = {},
): Promise<ConfiguredProxy> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-backends-" });
  const path = `${folder}/proxy.yaml`;
  const write = async (config: ProxyConfig) => {
    const { ec } = await testCertificates();
    const { mode = "http", engine = "node", backends } = config;
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        listeners: [{ listen: "127.0.0.1:0", mode, engine }],
        certificates: [{ cert: ec.cert, key: ec.key }],
        backends,
        routes: [{ backend: Object.keys(backends)[0] }],
        log: { tls: engine === "node" },
      }),
    );
  };
  await write(config);
  const proxy = await startProxy(["--config", path], options);
  let reloads = 0;
  return {
    ...proxy,
    reload: async (config) => {
      await write(config);
      proxy.signal("SIGHUP");
      await proxy.log.count(/ info reloaded /, ++reloads);
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Health checks fast enough for tests. */
export const FAST_CHECKS = { interval: "200ms", fast_interval: "50ms", timeout: "500ms" };
