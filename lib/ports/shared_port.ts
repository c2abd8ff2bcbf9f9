import { type Address, formatAddress } from "../core/address.ts";
import { codeOf, messageOf, ProxyError } from "../core/errors.ts";

/**
 * Listeners that follow each other on an address without a gap share its port for a while, so all
 * are opened with `reusePort`; which would also let another process share it unasked. So whether
 * the port is free is asked first, in a way that shares nothing.
 *
 * @returns the port to listen on: one the system chose where 0 was asked
 * @throws {ProxyError} `bad_config` where it is in use
 */
export function claimPort(address: Address): number {
  try {
    const probe = Deno.listen({ hostname: address.host, port: address.port });
    const { port } = probe.addr;
    probe.close();
    return port;
  } catch (error) {
    throw cannotListen(address, error);
  }
}

/** The error of an address that cannot be listened on, with the way out where one is known. */
export function cannotListen(address: Address, error: unknown): ProxyError {
  const why = reasonOf(address, error);
  return new ProxyError("bad_config", `Cannot listen on ${formatAddress(address)}: ${why}`, {
    cause: error,
  });
}

/**
 * The error of an address that this process cannot listen on beside another, which it has and leaves
 * only once all of a new configuration is ready.
 */
export function cannotListenBeside(address: Address, own: Address): ProxyError {
  return new ProxyError(
    "bad_config",
    `Cannot listen on ${formatAddress(address)}: this process listens on ${formatAddress(own)}; ` +
      "to change the address of a port takes a restart",
  );
}

/** The error of an address that another listener of the same configuration has, by another spelling. */
export function cannotListenTwice(address: Address, other: Address): ProxyError {
  return new ProxyError(
    "bad_config",
    `Cannot listen on ${formatAddress(address)}: a listener has ${formatAddress(other)} already`,
  );
}

/** The error of an address that something else of this process has for as long as a reload lasts. */
export function cannotListenYet(address: Address, has: string): ProxyError {
  return new ProxyError(
    "bad_config",
    `Cannot listen on ${formatAddress(address)}: ${has} of this process has it, and leaves it ` +
      "only once all of a reload is ready; reload without this first, and then with it",
  );
}

function reasonOf({ host, port }: Address, error: unknown): string {
  switch (codeOf(error)) {
    case "EACCES":
      return port >= FIRST_FREE_PORT
        ? "permission denied"
        : `a port below ${FIRST_FREE_PORT} takes a right, which the process gets by sudo setcap ` +
          `cap_net_bind_service=+ep ${Deno.execPath()}, or as a systemd service by ` +
          "AmbientCapabilities=CAP_NET_BIND_SERVICE";
    case "EADDRINUSE":
      return `another program has it; sudo ss -ltnp "sport = :${port}" tells which`;
    case "EADDRNOTAVAIL":
      return "no interface of this machine has that address";
    case "EAFNOSUPPORT":
      return "this machine has no IPv6";
    case "EINVAL":
      return IS_LINK_LOCAL.test(host)
        ? `an address of one link takes the name of its interface, such as [${host}%eth0]:${port}`
        : messageOf(error);
    default:
      return messageOf(error);
  }
}

/** Without a zone (RFC 4007, section 11) it says not which of the links (RFC 4291, section 2.5.6). */
const IS_LINK_LOCAL = /^fe[89ab][0-9a-f]:[^%]*$/i;

/** Below it Linux asks for CAP_NET_BIND_SERVICE (capabilities(7)), unless it is told otherwise. */
const FIRST_FREE_PORT = 1024;

/**
 * Listens with `reusePort` and a queue long enough for a burst; the address was claimed before.
 *
 * @throws {ProxyError} `bad_config` where it cannot
 */
export function listenShared(address: Address): Deno.TcpListener {
  const options: Deno.TcpListenOptions & { reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    reusePort: true,
    tcpBacklog: BACKLOG,
  };
  try {
    return Deno.listen(options);
  } catch (error) {
    throw cannotListen(address, error);
  }
}

/** Connections that wait to be accepted; the system may allow fewer (`net.core.somaxconn`). */
export const BACKLOG = 4096;
