import { type Contender, HOST, type Setting } from "../contender.ts";
import { OF_HTTP, type Setup } from "../setup.ts";

export const HAPROXY: Contender = {
  name: "haproxy",
  mode: "http",
  setups: OF_HTTP,
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
};

/** @param pem the certificate and its key in one file */
function haproxyConfig(setting: Setting, pem: string): string {
  return `global
  nbthread 1
  fd-hard-limit 40000
defaults
  no log
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
${setting.setup === "passthrough" ? passingOn(setting) : terminating(setting, pem)}`;
}

function passingOn({ port, backendPort }: Setting): string {
  return `frontend tls
  mode tcp
  bind 127.0.0.1:${port}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend backend if { req.ssl_sni -i ${HOST} }
backend backend
  mode tcp
  server backend 127.0.0.1:${backendPort}
`;
}

function terminating({ setup, port, backendPort, ca }: Setting, pem: string): string {
  const asked = setup === "clients" ? ` ca-file ${ca} verify required` : "";
  const told = setup === "clients"
    ? "\n  http-request set-header Client-Cert :%[ssl_c_der,base64]:"
    : "";
  return `frontend tls
  mode http
  option http-keep-alive
  bind 127.0.0.1:${port} ssl crt ${pem} ssl-min-ver TLSv1.3 alpn h2,http/1.1${asked}
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port ${port}${told}
  default_backend backend
backend backend
  mode http
  http-reuse always
  server backend 127.0.0.1:${backendPort}${serverWords(setup, ca)}
`;
}

function serverWords(setup: Setup, ca: string): string {
  if (setup === "grpc") return " proto h2";
  return setup === "tls" ? ` ssl ca-file ${ca} verify required sni str(${HOST})` : "";
}
