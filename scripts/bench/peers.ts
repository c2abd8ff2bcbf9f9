import manifest from "../../deno.json" with { type: "json" };
import type { Contender, Mode, Setting } from "./contender.ts";
import { TCP_PEERS } from "./tcp_peers.ts";

/** The ones that all others of their mode are compared with. */
export const BASELINES: Readonly<Record<Mode, string>> = { http: "haproxy", tcp: "hitch" };

/** What all forms of this proxy have in common; above the list, which needs it at once. */
const OURS = {
  product: "Deno",
  // by its path: a wrapper found by name would be counted too
  programs: [Deno.execPath()],
  versionFlags: ["--version"],
};

/** In the order of the report. */
export const CONTENDERS: readonly Contender[] = [
  tlsProxy("deno"),
  tlsProxy("openssl"),
  observedProxy(),
  {
    name: "haproxy",
    mode: "http",
    product: "HAProxy",
    programs: ["haproxy", "/usr/sbin/haproxy"],
    versionFlags: ["-v"],
    async command(program, setting) {
      const config = `${setting.folder}/haproxy.cfg`;
      const pem = `${setting.folder}/both.pem`;
      const cert = await Deno.readTextFile(setting.cert);
      await Deno.writeTextFile(pem, cert + await Deno.readTextFile(setting.key));
      await Deno.writeTextFile(config, haproxyConfig(setting, pem));
      return [program, "-db", "-q", "-f", config];
    },
  },
  {
    name: "nginx",
    mode: "http",
    product: "nginx",
    programs: ["nginx", "/usr/sbin/nginx"],
    versionFlags: ["-v"],
    async command(program, setting) {
      const { port, backendPort, cert, key } = setting;
      const config = `${setting.folder}/nginx.conf`;
      await Deno.writeTextFile(
        config,
        nginxConfig(
          setting.folder,
          `
  ssl_certificate ${cert};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.3;
  upstream backend {
    server 127.0.0.1:${backendPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} ssl;
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port ${port};
      # a large answer is not to be put on the disk
      proxy_max_temp_file_size 0;
      client_max_body_size 0;
      proxy_request_buffering off;
    }
    location /echo {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection upgrade;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }`,
        ),
      );
      return [program, "-e", "stderr", "-c", config];
    },
  },
  {
    name: "caddy",
    mode: "http",
    product: "Caddy",
    programs: ["caddy"],
    versionFlags: ["version"],
    async command(program, setting) {
      const config = `${setting.folder}/Caddyfile`;
      await Deno.writeTextFile(config, caddyConfig(setting));
      // it would leave a copy of its configuration in the user's folder
      const script = 'XDG_CONFIG_HOME="$0" exec "$@"';
      const shell = ["sh", "-c", script, setting.folder];
      // it runs one thread of work for each core that it is pinned to
      return [...shell, program, "run", "--config", config, "--adapter", "caddyfile"];
    },
  },
  tlsProxy("deno", "tcp"),
  tlsProxy("openssl", "tcp"),
  ...TCP_PEERS,
];

/** An nginx of one worker that writes nowhere but into a folder; `servers` goes into `http`. */
export function nginxConfig(folder: string, servers: string): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr crit;
# has a meaning, and is needed to read the folder, only where root runs the bench
user root root;
events { worker_connections 32768; }
http {
  access_log off;
  keepalive_timeout 75s;
  # the default closes a connection after 1000, which h2load counts as failures
  keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
${servers}
}
`;
}

function haproxyConfig({ port, backendPort }: Setting, pem: string): string {
  return `global
  nbthread 1
  fd-hard-limit 40000
defaults
  mode http
  no log
  option http-keep-alive
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
frontend tls
  bind 127.0.0.1:${port} ssl crt ${pem} ssl-min-ver TLSv1.3 alpn http/1.1
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port ${port}
  default_backend backend
backend backend
  http-reuse always
  server backend 127.0.0.1:${backendPort}
`;
}

function caddyConfig({ port, backendPort, cert, key, folder }: Setting): string {
  return `{
  admin off
  auto_https off
  storage file_system ${folder}
  log {
    level ERROR
  }
  servers {
    protocols h1
  }
}
https://127.0.0.1:${port} {
  bind 127.0.0.1
  tls ${cert} ${key} {
    protocols tls1.3
  }
  reverse_proxy 127.0.0.1:${backendPort} {
    header_up X-Forwarded-Port ${port}
  }
}
`;
}

/** This proxy, with the permissions of its task. */
function tlsProxy(engine: "deno" | "openssl", mode: Mode = "http"): Contender {
  return {
    ...OURS,
    name: `tls-proxy-${engine}${mode === "tcp" ? "-tcp" : ""}`,
    mode,
    command: (program, { port, backendPort, cert, key }) =>
      Promise.resolve([
        program,
        ...runFlags(manifest.tasks.proxy.command),
        ...["--listen", `127.0.0.1:${port}`, "--backend", `127.0.0.1:${backendPort}`],
        ...["--cert", cert, "--key", key, "--engine", engine, "--mode", mode],
        ...["--no-access-log", "--no-tls-log"],
      ]),
  };
}

/** This proxy with all that tells of it: a JSON access log in a file, metrics and the admin page. */
function observedProxy(): Contender {
  return {
    ...OURS,
    name: "tls-proxy-deno-observed",
    mode: "http",
    async command(program, { port, backendPort, cert, key, folder }) {
      const config = `${folder}/proxy.yaml`;
      await Deno.writeTextFile(
        config,
        `workers: 1
listeners: [{ listen: "127.0.0.1:${port}", engine: deno }]
certificates: [{ cert: ${cert}, key: ${key} }]
backends: { files: { servers: ["127.0.0.1:${backendPort}"] } }
routes: [{ backend: files }]
log: { format: json, access: true, tls: false, file: ${folder}/access.log }
admin: { listen: "127.0.0.1:0" }
`,
      );
      const flags = runFlags(manifest.tasks.proxy.command);
      const [main = "", ...before] = flags.toReversed();
      return [
        ...[program, ...before.toReversed(), `--allow-write=certs,${folder}`, main],
        ...["--config", config],
      ];
    },
  };
}

/** What stands behind `deno` in a task. */
function runFlags(task: string): readonly string[] {
  const [deno, ...flags] = task.split(" ");
  if (deno !== "deno") throw new Error(`The task "proxy" does not begin with deno: ${task}`);
  return flags;
}
