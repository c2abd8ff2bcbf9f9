import manifest from "../../../deno.json" with { type: "json" };
import { type Contender, HOST, type Mode, type Setting } from "../contender.ts";
import { gcLog } from "../garbage.ts";
import { ALL_SETUPS, OF_BYTES, type Setup } from "../setup.ts";

type Engine = "deno" | "openssl";

/** This proxy, with the permissions of its task. */
export function tlsProxy(engine: Engine, mode: Mode = "http"): Contender {
  return {
    ...OURS,
    name: `tls-proxy-${engine}${mode === "tcp" ? "-tcp" : ""}`,
    mode,
    setups: mode === "tcp" ? OF_BYTES : ENGINE_SETUPS[engine],
    async command(program, setting) {
      const log = { access: false, tls: false };
      const config = { ...configuration(engine, mode, setting), log };
      const command = await commandLine(program, setting.folder, config);
      return setting.setup === "traced" ? traced(command, setting.folder) : command;
    },
  };
}

/** The one on OpenSSL with all that tells of it: a JSON access log in a file, metrics, the admin page. */
export function observedProxy(): Contender {
  return {
    ...OURS,
    name: "tls-proxy-observed",
    mode: "http",
    setups: ["observed"],
    hasMetrics: true,
    async command(program, setting) {
      const { folder } = setting;
      return await commandLine(program, folder, {
        ...configuration("openssl", "http", setting),
        log: { format: "json", access: true, tls: false, file: `${folder}/access.log` },
        admin: { listen: `127.0.0.1:${setting.adminPort}` },
      });
    },
  };
}

const OURS = {
  product: "Deno",
  // by its path: a wrapper found by name would be counted too
  programs: [Deno.execPath()],
  versionFlags: ["--version"],
};

const ENGINE_SETUPS: Readonly<Record<Engine, readonly Setup[]>> = {
  deno: ALL_SETUPS.filter((setup) =>
    // what it cannot (see docs/tls-engines.md), and what one engine is enough for
    setup !== "clients" && setup !== "passthrough" && setup !== "observed"
  ),
  openssl: ALL_SETUPS,
};

/** What does not depend on who is told of requests. */
function configuration(engine: Engine, mode: Mode, setting: Setting): Record<string, unknown> {
  const { setup, port, backendPort, cert, key, ca } = setting;
  const route = setup === "passthrough" ? { hosts: [HOST], passthrough: true } : {};
  return {
    workers: 1,
    listeners: [{ listen: `127.0.0.1:${port}`, engine, mode }],
    certificates: [{ cert, key }],
    ...(setup === "clients" ? { client_auth: [{ ca }] } : {}),
    backends: {
      behind: {
        servers: [`127.0.0.1:${backendPort}`],
        ...(setup === "grpc" ? { protocol: "h2" } : {}),
        ...(setup === "tls" ? { tls: { ca, name: HOST } } : {}),
      },
    },
    routes: [{ ...route, backend: "behind" }],
  };
}

/** The same command, with V8 telling of each collection in a file that is read by `garbage.ts`. */
function traced([program = "", run = "", ...rest]: readonly string[], folder: string) {
  // by lines: else the last ones stay in V8's own buffer
  const script = 'exec stdbuf -oL "$@" > "$0"';
  return ["sh", "-c", script, gcLog(folder), program, run, "--v8-flags=--trace-gc", ...rest];
}

/** Writes the configuration, as JSON, which is YAML, too. */
async function commandLine(
  program: string,
  folder: string,
  config: Record<string, unknown>,
): Promise<readonly string[]> {
  const file = `${folder}/proxy.yaml`;
  await Deno.writeTextFile(file, JSON.stringify(config, undefined, 2));
  const [deno, ...flags] = manifest.tasks.proxy.command.split(" ");
  const main = flags.pop();
  if (deno !== "deno" || main === undefined) throw new Error('The task "proxy" runs no deno');
  return [program, ...flags, `--allow-write=certs,${folder}`, main, "--config", file];
}
