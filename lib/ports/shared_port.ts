import { type Address, formatAddress } from "../core/address.ts";
import { messageOf, ProxyError } from "../core/errors.ts";

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

export function cannotListen(address: Address, error: unknown): ProxyError {
  const name = formatAddress(address);
  return new ProxyError("bad_config", `Cannot listen on ${name}: ${messageOf(error)}`);
}
