import { parse } from "yaml";
import { type CertificateFiles, testCertificates } from "./certificates.ts";
import { type ProxyOptions, type ProxyProcess, startProxy } from "./start_proxy.ts";

/** A folder with a configuration in it, as an operator keeps it; gone when it is disposed. */
export class ConfigFile implements AsyncDisposable {
  /** Without links in it. */
  readonly folder: string;
  /** The configuration. */
  readonly path: string;
  #versions = 0;
  #workers: number | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = `${folder}/proxy.yaml`;
  }

  static async create(
    yaml: string,
    { prefix = "tls-proxy-config-" }: { readonly prefix?: string } = {},
  ): Promise<ConfigFile> {
    const file = new ConfigFile(await Deno.realPath(await Deno.makeTempDir({ prefix })));
    await file.write(yaml);
    return file;
  }

  /** One with `tls/tls.crt` and `tls/tls.key` behind links, as in a mounted Secret. */
  static async createWithSecret(
    yaml: string,
    options?: { readonly prefix?: string },
  ): Promise<ConfigFile> {
    const file = await ConfigFile.create(yaml, options);
    await Deno.mkdir(`${file.folder}/tls`);
    for (const name of ["tls.crt", "tls.key"]) {
      await Deno.symlink(`..data/${name}`, `${file.folder}/tls/${name}`);
    }
    await file.rotate("ec");
    return file;
  }

  /**
   * Writes the file anew, in place. Where it says nothing of workers there are two of them, whatever
   * the machine: the threads of one process are to look like one to everybody. Where the first
   * configuration has the engine `deno` there is one, so that what is tried with both engines is
   * tried either way.
   */
  write(yaml: string): Promise<void> {
    return Deno.writeTextFile(this.path, this.#withWorkers(yaml));
  }

  /** Puts another file in its place, so that nobody reads a half. */
  async replace(yaml: string): Promise<void> {
    await Deno.writeTextFile(`${this.path}.new`, this.#withWorkers(yaml));
    await Deno.rename(`${this.path}.new`, this.path);
  }

  /** Puts a certificate and its key into the folder, under a name of its own. */
  async putCertificate(name: string, { cert, key }: CertificateFiles): Promise<void> {
    await Deno.copyFile(cert, `${this.folder}/${name}.crt`);
    await Deno.copyFile(key, `${this.folder}/${name}.key`);
  }

  /** Puts another certificate in the place of the Secret's, as Kubernetes does: by one link. */
  async rotate(pair: "ec" | "rsa"): Promise<void> {
    const certificates = await testCertificates();
    const name = `..version-${this.#versions++}`;
    await Deno.mkdir(`${this.folder}/tls/${name}`);
    await this.putCertificate(`tls/${name}/tls`, certificates[pair]);
    await Deno.symlink(name, `${this.folder}/tls/..data_tmp`);
    await Deno.rename(`${this.folder}/tls/..data_tmp`, `${this.folder}/tls/..data`);
  }

  start(options?: ProxyOptions): Promise<ProxyProcess> {
    return startProxy(["--config", this.path], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  #withWorkers(yaml: string): string {
    if (!isConfiguration(yaml) || /\bworkers\b/.test(yaml)) return yaml;
    const workers = this.#workers ??= /\bengine\W+deno\b/.test(yaml) ? 1 : 2;
    // JSON is YAML, too
    const json = /^\{(?=")/;
    return json.test(yaml)
      ? yaml.replace(json, `{"workers":${workers},`)
      : `${yaml}\nworkers: ${workers}\n`;
  }
}

function isConfiguration(yaml: string): boolean {
  try {
    return typeof parse(yaml) === "object";
  } catch {
    return false;
  }
}

/** `{ cert: …, key: … }`, as YAML has it, with more keys behind. */
export function certificateYaml({ cert, key }: CertificateFiles, more = ""): string {
  return `{ cert: ${cert}, key: ${key}${more === "" ? "" : `, ${more}`} }`;
}

/** One listener and one backend, which nobody is at. */
export function plainYaml(port: number, certificate: CertificateFiles): string {
  return `listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [${certificateYaml(certificate)}]
backends: { one: { servers: ["127.0.0.1:1"] } }
routes: [{ backend: one }]
`;
}
