import assert from "node:assert/strict";
import type { TestConnection } from "./connection.ts";
import { type HttpBackend, startHttp } from "./backends.ts";
import { encodeAnswer, encodeRequest, readAnswer, type SeenAnswer } from "./http.ts";
import { type ProxyOptions, type ProxyProcess, startProxy } from "./start_proxy.ts";
import { connectNodeTls } from "./tls_client.ts";

/** A configuration file in a folder of its own. */
export interface ConfigFile extends AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  write(yaml: string): Promise<void>;
}

export async function configFile(yaml: string): Promise<ConfigFile> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "tls-proxy-config-" }));
  const path = `${folder}/proxy.yaml`;
  const write = (yaml: string) => Deno.writeTextFile(path, yaml);
  await write(yaml);
  return {
    folder,
    path,
    write,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** A proxy that runs on a configuration file. */
export interface ConfiguredProxy extends ProxyProcess {
  readonly config: ConfigFile;
  /** Sends SIGHUP and gives the line that tells of the reload. */
  reload(): Promise<string>;
}

/** @param of the configuration as text, or as a file that is there already */
export async function startConfigured(
  of: string | ConfigFile,
  options: ProxyOptions = {},
): Promise<ConfiguredProxy> {
  const config = typeof of === "string" ? await configFile(of) : of;
  const proxy = await startProxy(["--config", config.path], options).catch(async (error) => {
    if (typeof of === "string") await config[Symbol.asyncDispose]();
    throw error;
  });
  let reloads = 0;
  return {
    ...proxy,
    config,
    async reload() {
      proxy.signal("SIGHUP");
      reloads++;
      const told = await proxy.says.count(/^tls-proxy: (not )?reloaded \(SIGHUP\): /, reloads);
      return told.at(-1) ?? "";
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      if (typeof of === "string") await config[Symbol.asyncDispose]();
    },
  };
}

/** A backend whose answers say its name. */
export function startNamed(name: string): Promise<HttpBackend> {
  return startHttp(() => encodeAnswer(name, { fields: [`X-Backend: ${name}`] }));
}

export interface Visit {
  readonly sni?: string;
  readonly host?: string;
  readonly target?: string;
}

/** Opens a connection as a browser would, and tells which certificate was given. */
export async function open(
  port: number,
  { sni }: Visit = {},
): Promise<{ connection: TestConnection; certificate: string }> {
  const { connection, socket } = await connectNodeTls(port, {
    servername: sni ?? "",
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  return { connection, certificate: String(socket.getPeerCertificate().subject?.CN) };
}

/** One request on a connection of its own. */
export async function visit(
  port: number,
  { sni, host = sni ?? "localhost", target = "/" }: Visit,
): Promise<{ certificate: string; status: number; backend: string | undefined } & SeenAnswer> {
  const { connection, certificate } = await open(port, sni === undefined ? {} : { sni });
  using client = connection;
  await client.write(encodeRequest(target, { host }));
  const answer = await readAnswer(client);
  const backend = answer.fields.find(([name]) => name === "X-Backend")?.[1];
  if (answer.status === 200) assert.equal(backend, answer.body);
  return { ...answer, certificate, backend };
}
