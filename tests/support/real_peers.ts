import { unusedPort } from "./backends.ts";
import { eventually, PROGRAM_MS } from "./deadline.ts";
import { Lines } from "./lines.ts";
import { start, type Tool } from "./tools.ts";

/** Another proxy or server of the trade, running on a configuration of its own. */
export interface RealPeer extends AsyncDisposable {
  /** The port that its configuration was made for. */
  readonly port: number;
  /** What it says, standard output and error alike. */
  readonly says: Lines;
  /** Where its files are. */
  readonly folder: string;
}

/** What a configuration is written with. */
export interface PeerSetting {
  readonly port: number;
  readonly folder: string;
}

/** @param sections what stands behind `global` and `defaults` */
export function startHaproxy(sections: (setting: PeerSetting) => string): Promise<RealPeer> {
  return startPeer({
    tool: "haproxy",
    file: "haproxy.cfg",
    args: (config) => ["-db", "-f", config],
    config: (setting) => `
global
  log stderr format raw local0
  ssl-server-verify required
defaults
  mode tcp
  log global
  timeout connect 10s
  timeout client 30s
  timeout server 30s
${sections(setting)}
`,
  });
}

/** @param blocks `http { … }` or `stream { … }` */
export function startNginx(blocks: (setting: PeerSetting) => string): Promise<RealPeer> {
  return startPeer({
    tool: "nginx",
    file: "nginx.conf",
    args: (config) => ["-e", "stderr", "-c", config],
    config: (setting) => `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
pid ${setting.folder}/nginx.pid;
error_log stderr info;
events {}
${blocks(setting)}
`,
  });
}

/** What has nginx's `http` write nothing but into this folder: else it takes root to start it. */
export function httpInFolder(folder: string): string {
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `access_log off; ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}`;
}

/** @param service what stands under `[service]` beside `accept` */
export function startStunnel(service: (setting: PeerSetting) => string): Promise<RealPeer> {
  return startPeer({
    tool: "stunnel4",
    file: "stunnel.conf",
    args: (config) => [config],
    config: (setting) => `
foreground = yes
pid =
debug = info
[service]
accept = 127.0.0.1:${setting.port}
${service(setting)}
`,
  });
}

interface Peer {
  readonly tool: Tool;
  readonly file: string;
  readonly args: (config: string) => string[];
  readonly config: (setting: PeerSetting) => string;
}

/** Starts it and waits until it listens. */
async function startPeer({ tool, file, args, config }: Peer): Promise<RealPeer> {
  const folder = await Deno.makeTempDir({ prefix: `tls-proxy-${tool}-` });
  const port = await unusedPort();
  const path = `${folder}/${file}`;
  await Deno.writeTextFile(path, config({ port, folder }));
  const running = start(tool, args(path), { cwd: folder });
  const says = new Lines(merged(running.child));
  const dispose = async () => {
    await running[Symbol.asyncDispose]();
    await says.ended;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    let over = false;
    running.child.status.then(() => over = true);
    await eventually(
      async () => {
        if (over) {
          await says.ended;
          throw new Error(`${tool} ended:\n${says.text}`);
        }
        return await listens(port) || undefined;
      },
      () => `${tool} to listen:\n${says.text}`,
      PROGRAM_MS,
    );
  } catch (error) {
    await dispose();
    throw error;
  }
  return { port, folder, says, [Symbol.asyncDispose]: dispose };
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

function merged({ stdout, stderr }: Deno.ChildProcess): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const both = [stdout, stderr].map((stream) => stream.pipeTo(writable, { preventClose: true }));
  Promise.allSettled(both).then(() => writable.close()).catch(() => {});
  return readable;
}
