import { type Contender, HOST, type Setting } from "../contender.ts";
import type { Setup } from "../setup.ts";

export const CADDY: Contender = {
  name: "caddy",
  mode: "http",
  // it passes nothing on ahead of TLS
  setups: ["files", "app", "http2", "grpc", "tls", "clients"],
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
};

function caddyConfig({ setup, port, backendPort, cert, key, ca, folder }: Setting): string {
  const asking = setup === "clients"
    ? `
    client_auth {
      mode require_and_verify
      trusted_ca_cert_file ${ca}
    }`
    : "";
  const told = setup === "clients"
    ? "\n    header_up Client-Cert :{http.request.tls.client.certificate_der_base64}:"
    : "";
  return `{
  admin off
  auto_https off
  storage file_system ${folder}
  log {
    level ERROR
  }
  servers {
    protocols h1 h2
  }
}
https://${HOST}:${port}, https://127.0.0.1:${port} {
  bind 127.0.0.1
  tls ${cert} ${key} {
    protocols tls1.3${asking}
  }
  reverse_proxy ${schemeOf(setup)}127.0.0.1:${backendPort} {
    header_up X-Forwarded-Port ${port}${told}${transport(setup, ca)}
  }
}
`;
}

function schemeOf(setup: Setup): string {
  if (setup === "grpc") return "h2c://";
  return setup === "tls" ? "https://" : "";
}

function transport(setup: Setup, ca: string): string {
  if (setup !== "tls") return "";
  return `
    transport http {
      tls_trusted_ca_certs ${ca}
      tls_server_name ${HOST}
      versions 1.1
    }`;
}
