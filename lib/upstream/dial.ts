import { type Address, formatAddress } from "../core/address.ts";
import { POOLED_BYTES } from "../core/buffer_pool.ts";
import type { Connection } from "../core/connection.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { SocketConnection } from "../core/socket_connection.ts";

/**
 * Connects to a server, with Nagle's algorithm off: a head and a body that come in two writes must
 * not wait for an acknowledgement in between.
 *
 * @param timeoutMs how long connecting may take
 * @throws {ProxyError} `connect_failed` or `connect_timeout`
 */
export async function dial(server: Address, timeoutMs: number): Promise<Connection> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const { host: hostname, port } = server;
    const socket = await Deno.connect({ hostname, port, signal: abort.signal });
    socket.setNoDelay(true);
    return new SocketConnection(socket, {
      peer: server,
      local: toAddress(socket.localAddr),
      goneCode: "upstream_gone",
      idleBufferBytes: POOLED_BYTES,
    });
  } catch (error) {
    const name = formatAddress(server);
    throw abort.signal.aborted
      ? new ProxyError("connect_timeout", `${name} did not accept within ${timeoutMs} ms`)
      : new ProxyError("connect_failed", `Cannot connect to ${name}: ${messageOf(error)}`, {
        cause: error,
      });
  } finally {
    clearTimeout(timer);
  }
}

function toAddress({ hostname, port }: Deno.NetAddr): Address {
  return { host: hostname, port };
}
