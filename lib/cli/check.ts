import { plural } from "../core/plural.ts";
import { renewalTime } from "../acme/renewal.ts";
import type { Config } from "../config/config.ts";
import { formatAddress } from "../core/address.ts";
import { describeTls } from "../control/describe_tls.ts";
import { describeBackend } from "../control/describe_backend.ts";
import { engineOf } from "../control/listener_engine.ts";
import { type LoadedConfig, workersOf } from "../control/snapshot.ts";
import { type Certificate, daysUntilExpiry } from "../certificates/certificate.ts";
import { type FileOutput, readConfigFile } from "./config_file.ts";

/**
 * The `check` command: everything that can be wrong with a configuration, without listening.
 *
 * @returns what is to be printed when all is fine
 * @throws {ProxyError} `bad_config` when it is not; the problems have been told
 */
export async function checkConfig(path: string, output: FileOutput): Promise<string> {
  const { loaded, problems } = await readConfigFile(path, {
    expiredIsError: true,
    looksForLog: true,
    output,
  });
  const { listeners, certificates, backends, routes, tests } = loaded.config;
  const parts = [
    plural(listeners.length, "listener"),
    plural(certificates.length, "certificate"),
    plural(backends.size, "backend"),
    plural(routes.length, "route"),
    tests.length === 0 ? "no tests" : `${plural(tests.length, "test")} passed`,
  ];
  const warnings = problems.length === 0 ? "" : `, ${plural(problems.length, "warning")}`;
  return [`${path} is fine: ${parts.join(", ")}${warnings}`, ...details(loaded, new Date())]
    .join("\n");
}

function details({ config, certificates }: LoadedConfig, now: Date): string[] {
  const listeners = config.listeners.map((listener) => {
    const address = formatAddress(listener.listen);
    const { proxyProtocol } = listener;
    const behind = proxyProtocol === undefined
      ? ""
      : `, PROXY header required from ${proxyProtocol.from.join(", ")}`;
    if (listener.kind === "redirect") {
      const { except } = listener;
      const but = except.length === 0 ? "" : `, but for ${except.join(", ")}`;
      return `  listener ${address}: redirects to https${but}${behind}`;
    }
    if (listener.kind === "plain") {
      const version = listener.http2 ? "" : "; no HTTP/2";
      return `  listener ${address}: plain HTTP by the routes${version}${behind}`;
    }
    const { engine, reason } = engineOf(listener, config);
    const tls = describeTls(listener).map((text) => `; ${text}`).join("");
    return `  listener ${address}: ${listener.mode}, ${engine} engine (${reason})${tls}${behind}`;
  });
  const { workers } = config;
  return [
    ...listeners,
    ...(workers === 1 ? [] : [
      `  workers: ${workers}${workers === "auto" ? `, ${workersOf(config)} on this machine` : ""}`,
    ]),
    ...[...config.backends].map(([name, backend]) => {
      const { servers, balance, health, tls, ...rest } = describeBackend(backend);
      const said = [
        ...[rest.sticky && `sticky ${rest.sticky}`, rest.protocol, rest.proxyProtocol],
        tls && `TLS ${tls}`,
      ].filter((text) => text !== undefined);
      return `  backend ${name}: ${[servers.join(", "), balance, health, ...said].join("; ")}`;
    }),
    ...config.routes.filter(({ passthrough }) => passthrough).map(({ hosts, backend }) =>
      `  passes through to ${backend}: ${namesOf(hosts)}`
    ),
    ...config.clientAuth.map(({ hosts, mode, ca, crl }) =>
      `  client certificates for ${namesOf(hosts)}: ${mode}, of ${ca}${
        crl === undefined ? "" : `, but for those revoked by ${crl}`
      }`
    ),
    ...certificates.map((certificate, index) => {
      const { acme } = config.certificates[index] ?? {};
      if (certificate.placeholder === true) {
        return `  certificate ${certificate.label}: ${acme?.join(", ")}; not there yet, ` +
          "the proxy asks for it when it runs";
      }
      const days = Math.floor(daysUntilExpiry(certificate, now));
      const names = certificate.names.join(", ");
      return `  certificate ${certificate.label}: ${names}; expires in ${plural(days, "day")}${
        acme === undefined
          ? ""
          : `, renewed on ${renewalDay(certificate, config)} or as the CA says`
      }`;
    }),
  ];
}

function namesOf(hosts: readonly string[]): string {
  return hosts.length === 0 ? "every other name" : hosts.join(", ");
}

function renewalDay({ notBefore, notAfter }: Certificate, { acme }: Config): string {
  const life = { notBefore: notBefore.getTime(), notAfter: notAfter.getTime() };
  const time = renewalTime(life, { renewBefore: acme?.renewBefore, chance: 0 });
  return new Date(time).toISOString().slice(0, 10);
}
