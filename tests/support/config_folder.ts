import assert from "node:assert/strict";
import { testCertificates } from "./certificates.ts";

/** A folder with a configuration and its certificates, as an operator keeps them. */
export interface ConfigFolder extends AsyncDisposable {
  readonly folder: string;
  /** The configuration. */
  readonly path: string;
  /** Writes the configuration. */
  write(yaml: string): Promise<void>;
  /** Puts another certificate in the place of the first, as Kubernetes does: by one link. */
  rotate(pair: "ec" | "rsa"): Promise<void>;
}

/** Makes one, with `tls/tls.crt` and `tls/tls.key` behind links as in a mounted Secret. */
export async function configFolder(
  yaml: string,
  { prefix = "tls-proxy-config-" }: { prefix?: string } = {},
): Promise<ConfigFolder> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix }));
  const path = `${folder}/proxy.yaml`;
  let version = 0;
  const made: ConfigFolder = {
    folder,
    path,
    write: (yaml) => Deno.writeTextFile(path, yaml),
    rotate: async (pair) => {
      const certificates = await testCertificates();
      const { cert, key } = certificates[pair];
      const name = `..version-${version++}`;
      await Deno.mkdir(`${folder}/tls/${name}`);
      await Deno.copyFile(cert, `${folder}/tls/${name}/tls.crt`);
      await Deno.copyFile(key, `${folder}/tls/${name}/tls.key`);
      await Deno.symlink(name, `${folder}/tls/..data_tmp`);
      await Deno.rename(`${folder}/tls/..data_tmp`, `${folder}/tls/..data`);
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
  await Deno.mkdir(`${folder}/tls`);
  for (const name of ["tls.crt", "tls.key"]) {
    await Deno.symlink(`..data/${name}`, `${folder}/tls/${name}`);
  }
  await made.rotate("ec");
  await made.write(yaml);
  return made;
}

/** What `permissions` prints for a configuration, as flags. */
export async function printedFlags(path: string, ...form: string[]): Promise<string[]> {
  const text = await printedPermissions(path, ...form);
  // taken apart by a shell, as whoever uses it does
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", `printf '%s\\n' ${text}`],
  }).output();
  assert.equal(code, 0);
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** What `permissions` prints. */
export async function printedPermissions(path: string, ...form: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", `--allow-read=${path}`, "--ignore-env"],
      ...["main.ts", "permissions", "--config", path, ...form],
    ],
    cwd: new URL("../..", import.meta.url),
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd();
}
