import manifest from "../../deno.json" with { type: "json" };

/** One proxy under test: how to find it, and how to start it. */
export interface Contender {
  readonly name: string;
  /** What its program is called, for the report. */
  readonly product: string;
  /** Where its program may be, best first. */
  readonly programs: readonly string[];
  /** Makes it print its version. */
  readonly versionFlags: readonly string[];
  /**
   * Writes what configuration it needs and gives the command line that runs it in the foreground:
   * one thread of work, TLS 1.3, HTTP/1.1 kept alive on both sides, the same four forwarded
   * fields, and no log.
   */
  command(program: string, setting: Setting): Promise<readonly string[]>;
}

/** What a contender works with. All addresses are on 127.0.0.1. */
export interface Setting {
  readonly port: number;
  readonly backendPort: number;
  /** PEM files. */
  readonly cert: string;
  readonly key: string;
  /** A folder of its own. */
  readonly folder: string;
}

/** The one that all others are compared with. */
export const BASELINE = "haproxy";

/** In the order of the report. */
export const CONTENDERS: readonly Contender[] = [
  tlsProxy("deno"),
  tlsProxy("node"),
  {
    name: BASELINE,
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
    }
  }`,
        ),
      );
      return [program, "-e", "stderr", "-c", config];
    },
  },
];

/** An nginx of one worker that writes nowhere but into a folder; `servers` goes into `http`. */
export function nginxConfig(folder: string, servers: string): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr crit;
# has a meaning, and is needed to read the folder, only where root runs the bench
user root root;
events { worker_connections 8192; }
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
  maxconn 4000
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

/** This proxy, with the permissions of its task. */
function tlsProxy(engine: "deno" | "node"): Contender {
  return {
    name: `tls-proxy-${engine}`,
    product: "Deno",
    // by its path: a wrapper found by name would be counted too
    programs: [Deno.execPath()],
    versionFlags: ["--version"],
    command: (program, { port, backendPort, cert, key }) =>
      Promise.resolve([
        program,
        ...runFlags(manifest.tasks.proxy.command),
        ...["--listen", `127.0.0.1:${port}`, "--backend", `127.0.0.1:${backendPort}`],
        ...["--cert", cert, "--key", key, "--engine", engine],
        ...["--no-access-log", "--no-tls-log"],
      ]),
  };
}

/** What stands behind `deno` in a task. */
function runFlags(task: string): readonly string[] {
  const [deno, ...flags] = task.split(" ");
  if (deno !== "deno") throw new Error(`The task "proxy" does not begin with deno: ${task}`);
  return flags;
}
