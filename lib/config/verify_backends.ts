import { isLoopback, overlap } from "../core/address.ts";
import { formatServerAddress } from "../core/endpoint.ts";
import type { Config } from "./config.ts";
import { error, type Finding, warning } from "./finding.ts";

/** What is wrong within backends: their servers, how these are spoken to, and their checks. */
export function verifyBackends(config: Config): Finding[] {
  return [
    ...unverifiedServers(config),
    ...namelessServers(config),
    ...protocolNeeds(config),
    ...bodiesOfHeadChecks(config),
    ...idleServers(config),
    ...repeatedServers(config),
    ...ownListeners(config),
  ];
}

/** Keys that say nothing; they have values also where the file is silent. */
export function idleKeysOfChecks({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { health: { type } }]) =>
    (IDLE_CHECK_KEYS[type] ?? []).map((key) =>
      warning(
        ["backends", name, "health", key],
        `"${key}" means nothing for ${
          type === "http" ? "an" : "a"
        } ${type} check, did you mean "type: ${key === "service" ? "grpc" : "http"}"?`,
      )
    )
  );
}

/** What a check of each type never looks at. */
const IDLE_CHECK_KEYS: Readonly<Record<string, readonly string[]>> = {
  tcp: ["service", "method", "path", "host", "expect", "body"],
  http: ["service"],
  grpc: ["method", "path", "expect", "body"],
};

function unverifiedServers({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { tls }]): Finding[] => {
    if (tls === undefined || tls.verify) return [];
    const at = ["backends", name, "tls"];
    const message = `the servers of "${name}" are not verified: whoever is in between can be them`;
    const idle = tls.ca === undefined
      ? []
      : [warning([...at, "ca"], '"ca" means nothing where servers are not verified')];
    return [warning([...at, "verify"], message), ...idle];
  });
}

/** A certificate is for names, which a path is not. */
function namelessServers({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { tls, servers }]) =>
    tls === undefined || !tls.verify || tls.name !== undefined
      ? []
      : servers.flatMap(({ address }, index) =>
        address.kind === "unix"
          ? [error(
            ["backends", name, "servers", index],
            "a socket has no host name that a certificate could be for: say tls.name",
          )]
          : []
      )
  );
}

/** What the protocol of a backend's servers takes of its other settings. */
function protocolNeeds({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { protocol, proxyProtocol, health, tls }]): Finding[] => {
    const findings: Finding[] = [];
    if (protocol === "auto" && tls === undefined) {
      const message = `"auto" goes by ALPN, so it takes "tls"; without, write http1 or h2`;
      findings.push(error(["backends", name, "protocol"], message));
    }
    if (protocol !== "http1" && proxyProtocol !== "none") {
      const message =
        "connections by HTTP/2 are shared by clients: they cannot tell of one address";
      findings.push(error(["backends", name, "proxy_protocol"], message));
    }
    if (health.type === "grpc" && protocol !== "h2") {
      const message = `gRPC goes by HTTP/2: it takes "protocol: h2"`;
      findings.push(error(["backends", name, "health", "type"], message));
    }
    return findings;
  });
}

/** A check that no server could pass. */
function bodiesOfHeadChecks({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { health }]) => {
    const passes = health.type !== "http" || health.method !== "HEAD" || health.body === undefined;
    const message = `an answer to HEAD has no body: "body" takes "method: GET"`;
    return passes ? [] : [error(["backends", name, "health", "body"], message)];
  });
}

function idleServers({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { servers }]): Finding[] => {
    const path = ["backends", name, "servers"];
    if (servers.every(({ drain }) => drain)) {
      return [warning(path, `every server of "${name}" is draining: no request can be served`)];
    }
    return servers.every(({ backup }) => backup)
      ? [warning(path, `every server of "${name}" is a backup, so none is`)]
      : [];
  });
}

/** Another machine may have what an address for all takes in, but for the loopback interface. */
function ownListeners({ backends, listeners }: Config): Finding[] {
  return [...backends].flatMap(([name, { servers }]) =>
    servers.flatMap(({ address }, index) => {
      const isOwn = address.kind === "tcp" && listeners.some(({ listen }) =>
        overlap(listen, address) && (isLoopback(address.host) || listen.host === address.host)
      );
      const message = `${formatServerAddress(address)} is this proxy: its requests would come back`;
      return isOwn ? [warning(["backends", name, "servers", index], message)] : [];
    })
  );
}

/** One server twice is still one: what was meant is most likely another. */
function repeatedServers({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, { servers }]) => {
    const addresses = servers.map(({ address }) => formatServerAddress(address));
    return addresses.flatMap((address, index) =>
      addresses.indexOf(address) === index
        ? []
        : [warning(["backends", name, "servers", index], `"${name}" has ${address} already`)]
    );
  });
}
