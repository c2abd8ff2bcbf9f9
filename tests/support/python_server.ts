import { startAnnounced } from "./announced_server.ts";

export interface PythonServer extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
}

/** Starts `python3 -m http.server` over these files. */
export async function startPythonServer(
  files: Readonly<Record<string, string>>,
): Promise<PythonServer> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-files-" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  // -u: its first line has to come at once
  const args = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder];
  const python = await startAnnounced("python3", args, /Serving HTTP on .* port (\d+)/);
  return {
    address: python.address,
    async [Symbol.asyncDispose]() {
      await python[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
