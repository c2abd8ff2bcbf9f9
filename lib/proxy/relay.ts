import type { Connection } from "../core/connection.ts";
import type { Deadlines } from "../core/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";

export interface RelayOptions {
  readonly deadlines: Deadlines;
  /** Milliseconds without a byte in either direction after which both are ended. */
  readonly idleTimeout: number;
}

/**
 * Pipes two connections into each other until both have ended. Each direction ends by itself: a
 * half-close is carried through and the other direction goes on. A direction that breaks breaks
 * the other too.
 *
 * @throws {ProxyError} what broke it off; both connections are closed by then
 */
export async function relay(
  client: Connection,
  upstream: Connection,
  { deadlines, idleTimeout }: RelayOptions,
): Promise<void> {
  using deadline = deadlines.watch();
  let moved = -1;
  const watchIdle = () => {
    const total = bytesMoved(client) + bytesMoved(upstream);
    if (total === moved) return closeBoth(idleError(idleTimeout));
    moved = total;
    deadline.arm(idleTimeout, watchIdle);
  };
  const closeBoth = (error: ProxyError) => {
    client.close(error);
    upstream.close(error);
  };
  watchIdle();
  try {
    await Promise.all([
      client.readable.pipeTo(upstream.writable),
      upstream.readable.pipeTo(client.writable),
    ]);
  } catch (error) {
    const broken = asProxyError(error, "internal");
    closeBoth(broken);
    throw broken;
  }
}

function bytesMoved({ bytes }: Connection): number {
  return bytes.read + bytes.written;
}

function idleError(ms: number): ProxyError {
  return new ProxyError("idle_timeout", `Nothing was sent for ${ms / 1000} s`);
}
