import { type Contender, HOST, type Setting } from "../contender.ts";
import type { Setup } from "../setup.ts";

export const NGINX: Contender = {
  name: "nginx",
  mode: "http",
  // passing on by name is for a module that not every nginx has
  setups: ["files", "app", "http2", "grpc", "tls", "clients"],
  product: "nginx",
  programs: ["nginx", "/usr/sbin/nginx"],
  versionFlags: ["-v"],
  async command(program, setting) {
    const config = `${setting.folder}/nginx.conf`;
    await Deno.writeTextFile(config, nginxConfig(setting.folder, proxying(setting)));
    return [program, "-e", "stderr", "-c", config];
  },
};

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

/** Forwarded fields, which replace all others of their block. */
function fields(directive: string, port: number): string {
  return `
      ${directive} Host $http_host;
      ${directive} X-Forwarded-For $remote_addr;
      ${directive} X-Forwarded-Proto https;
      ${directive} X-Forwarded-Host $http_host;
      ${directive} X-Forwarded-Port ${port};`;
}

function proxying({ setup, port, backendPort, cert, key, ca }: Setting): string {
  const asking = setup === "clients"
    ? `
    ssl_client_certificate ${ca};
    ssl_verify_client on;`
    : "";
  return `
  ssl_certificate ${cert};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.3;
  upstream backend {
    server 127.0.0.1:${backendPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} ssl http2;${asking}
    location / {${setup === "grpc" ? grpcPass(port) : httpPass(setup, { port, ca })}
      client_max_body_size 0;
    }
    location /echo {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection upgrade;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }`;
}

function grpcPass(port: number): string {
  return `
      grpc_pass grpc://backend;${fields("grpc_set_header", port)}`;
}

function httpPass(setup: Setup, { port, ca }: { port: number; ca: string }): string {
  const told = setup === "clients"
    ? "\n      proxy_set_header Client-Cert $ssl_client_escaped_cert;"
    : "";
  const over = setup === "tls"
    ? `
      proxy_pass https://backend;
      proxy_ssl_trusted_certificate ${ca};
      proxy_ssl_verify on;
      proxy_ssl_name ${HOST};
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.3;`
    : `
      proxy_pass http://backend;`;
  return `${over}
      proxy_http_version 1.1;
      proxy_set_header Connection "";${fields("proxy_set_header", port)}${told}
      # a large answer is not to be put on the disk
      proxy_max_temp_file_size 0;
      proxy_request_buffering off;`;
}
