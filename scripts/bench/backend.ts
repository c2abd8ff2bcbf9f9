/**
 * The servers behind all contenders. They are not measured, so they only have to be quick: nginx with
 * files, and `backend_program.ts`, which can do more.
 *
 * What they have is in `answers.ts`; beside that, nginx answers one method of gRPC.
 */
import { answerOf, ASSETS, CHUNKED, ITEMS, SIZES, TAKEN, UPLOADED } from "./answers.ts";
import type { ServerFiles } from "./contender.ts";
import { message } from "./load/grpc.ts";
import { nginxConfig } from "./peers/nginx.ts";
import type { BackendKind } from "./setup.ts";

/** The method that answers, and bytes of its messages beside their frame. */
export const GRPC = { path: "bench.Bench/Ask", bytes: 100 } as const;

/** Ports of what stands behind contenders. */
export type BackendPorts = Readonly<Record<BackendKind, number>>;

export interface NginxSetting extends ServerFiles {
  readonly ports: Omit<BackendPorts, "app">;
  /** A folder of its own. */
  readonly folder: string;
}

/** Makes the files that nginx has answers of, and gives the command line that runs it. */
export async function nginxBackend(
  nginx: string,
  setting: NginxSetting,
): Promise<readonly string[]> {
  const { folder } = setting;
  for (const name of ["b", "items", "chunked"]) await Deno.mkdir(`${folder}/${name}`);
  const answers = [...Object.values(SIZES).map(answerOf), ...ASSETS, ...ITEMS, CHUNKED];
  for (const { path, bytes } of answers) {
    using file = await Deno.create(`${folder}/${path}`);
    await file.truncate(bytes);
  }
  await Deno.writeFile(`${folder}/grpc-answer`, message(GRPC.bytes));
  const config = `${folder}/backend.conf`;
  await Deno.writeTextFile(config, nginxConfig(folder, servers(setting)));
  return [nginx, "-e", "stderr", "-c", config];
}

/** The command line that runs what does more. */
export function programBackend(port: number): readonly string[] {
  const script = new URL("backend_program.ts", import.meta.url).pathname;
  const flags = ["-q", "--no-prompt", "--allow-net=127.0.0.1"];
  return [Deno.execPath(), "run", ...flags, script, String(port)];
}

function servers({ ports, folder, cert, key }: NginxSetting): string {
  return `
  sendfile on;
  open_file_cache max=3000;
  ssl_certificate ${cert};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.3;
  upstream self {
    server 127.0.0.1:${ports.files};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${ports.files};
    listen 127.0.0.1:${ports.h2c} http2;
    listen 127.0.0.1:${ports.tls} ssl;
    root ${folder};
    client_max_body_size 0;
    # a body is read before anything is asked of the server behind, which is this one
    client_body_buffer_size 2m;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header Connection "";
    proxy_http_version 1.1;
    proxy_method GET;
    location = /${UPLOADED.path} { return 200 "ok"; }
    location = /${TAKEN.path} { proxy_pass http://self/${SIZES.tiny}; }
    # includes are looked for while it is sent, so that nobody knows its length
    location /chunked/ { ssi on; ssi_types *; }
    location = /grpc-answer { default_type application/grpc; }
    location = /${GRPC.path} {
      proxy_pass http://self/grpc-answer;
      add_trailer grpc-status 0;
    }
  }`;
}
