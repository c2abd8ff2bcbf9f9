import { type BackendOptions, type HttpBackend, startHttp } from "./backends.ts";
import type { CertificateFiles } from "./certificates.ts";
import { encodeAnswer } from "./http.ts";
import { type ProxyOptions, type ProxyProcess, startProxy } from "./start_proxy.ts";

/** A folder with a configuration in it, gone when it is disposed. */
export class ConfigFile implements AsyncDisposable {
  readonly folder: string;
  readonly path: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = `${folder}/proxy.yaml`;
  }

  static async create(yaml: string): Promise<ConfigFile> {
    const file = new ConfigFile(await Deno.makeTempDir({ prefix: "tls-proxy-config-" }));
    await file.write(yaml);
    return file;
  }

  /** Writes the file anew, in place. */
  write(yaml: string): Promise<void> {
    return Deno.writeTextFile(this.path, yaml);
  }

  /** Puts a certificate and its key into the folder, under a name of its own. */
  async putCertificate(name: string, { cert, key }: CertificateFiles): Promise<void> {
    await Deno.copyFile(cert, `${this.folder}/${name}.crt`);
    await Deno.copyFile(key, `${this.folder}/${name}.key`);
  }

  start(options?: ProxyOptions): Promise<ProxyProcess> {
    return startProxy(["--config", this.path], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** An HTTP server that answers every request with its own name. */
export function startNamed(name: string, options?: BackendOptions): Promise<HttpBackend> {
  return startHttp(() => encodeAnswer(name), options);
}

/** `{ cert: …, key: … }`, as YAML has it, with more keys behind. */
export function certificateYaml({ cert, key }: CertificateFiles, more = ""): string {
  return `{ cert: ${cert}, key: ${key}${more === "" ? "" : `, ${more}`} }`;
}

/** Sends SIGHUP and gives what the proxy says of it: the line that tells how it went. */
export async function reload(proxy: ProxyProcess): Promise<string> {
  const before = proxy.says.matching(RELOADED).length;
  proxy.signal("SIGHUP");
  const told = await proxy.says.count(RELOADED, before + 1);
  return told[before] ?? "";
}

/** How a reload went. */
export const RELOADED = /^tls-proxy: (?:reloaded|not reloaded) \(/;
