import type { Config } from "../config/config.ts";
import type { NotifySockets } from "./grants.ts";

/**
 * The two ends of the notification protocol as the unit under `scripts/deploy/` has them: systemd's
 * socket, and ours in the unit's runtime directory.
 */
export const SERVICE_SOCKETS: NotifySockets = {
  manager: "/run/systemd/notify",
  own: "/run/tls-proxy/notify",
};

/** The runtime's cache of the service, whose user has no home; it is root's to write to. */
const SERVICE_CACHE = "/var/cache/tls-proxy";

/**
 * A drop-in for the unit that has the kernel hold the process to its configuration, too: the ports
 * it may bind, the address families, and the capability for ports below 1024 only where there is
 * one (systemd.exec(5), systemd.resource-control(5)).
 *
 * @param command the whole command line; undefined where the unit's own serves, as an executable
 *   has its permissions inside
 * @param fill what fills the runtime's cache, for a shell; undefined where the program needs none
 */
export function systemdDropIn(
  config: Config,
  { configFile, command, fill }: {
    configFile: string;
    command: readonly string[] | undefined;
    fill?: string | undefined;
  },
): string {
  const listens = [
    ...config.listeners.map(({ listen }) => listen),
    ...(config.admin === undefined ? [] : [config.admin.listen]),
  ];
  const ports = [...new Set(listens.map(({ port }) => port))].sort((a, b) => a - b);
  const capability = ports.some((port) => port > 0 && port < 1024) ? "CAP_NET_BIND_SERVICE" : "";
  return [
    `# What ${configFile} needs, and no more; to be made anew when it changes.`,
    "# /etc/systemd/system/tls-proxy.service.d/permissions.conf",
    "[Service]",
    ...(command === undefined ? [] : ["ExecStart=", `ExecStart=${command.map(word).join(" ")}`]),
    ...(fill === undefined ? [] : [
      "# Before the first start, and behind each change of the program: what it imports, where the",
      "# user of the service may read it.",
      `#   sudo env DENO_DIR=${SERVICE_CACHE} ${fill}`,
      `Environment=DENO_DIR=${SERVICE_CACHE}`,
    ]),
    ...(ports.includes(0) ? [] : [
      "SocketBindDeny=any",
      ...ports.map((port) => `SocketBindAllow=tcp:${port}`),
      ...(asksNameServers(config) ? ["SocketBindAllow=udp:1024-65535"] : []),
    ]),
    // an empty value takes what the unit has given back
    "AmbientCapabilities=",
    "CapabilityBoundingSet=",
    ...(capability === "" ? [] : [
      `AmbientCapabilities=${capability}`,
      `CapabilityBoundingSet=${capability}`,
    ]),
  ].join("\n");
}

/**
 * Whether the runtime itself asks a name server: it binds the socket of each question to a port that
 * it draws, while the system's resolver binds none.
 */
function asksNameServers({ backends }: Config): boolean {
  return [...backends.values()].some(({ servers, dns }) =>
    dns.server !== undefined && servers.some(({ address }) => address.kind === "dns")
  );
}

/** A word of a command line, as systemd.service(5) takes it apart: no variable, no specifier. */
function word(text: string): string {
  const literal = text.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w\-./:=,@%+$\[\]]+$/.test(literal)
    ? literal
    : `"${literal.replaceAll(/["\\]/g, "\\$&")}"`;
}
