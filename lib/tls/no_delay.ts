import { messageOf, ProxyError } from "../core/errors.ts";
import { listeningSockets } from "./listening_sockets.ts";

/** Why `setNoDelayOnListener` cannot work here; undefined where it can. */
export function noDelayUnavailable(): string | undefined {
  try {
    listeningSockets();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Switches Nagle's algorithm off on the socket that has just been opened on a port with
 * `reusePort`, and so on every socket it accepts, which inherit the option. The runtime's TLS
 * connections have no `setNoDelay`, and without it each answer of more than one TLS record on a
 * kept-alive connection waits 40 ms for an acknowledgement.
 *
 * @returns the socket's descriptor
 * @throws {ProxyError} `unavailable` where it cannot be done, with the reason
 */
export function setNoDelayOnListener(port: number): number {
  const sockets = listeningSockets();
  const fd = sockets.newest(port);
  if (!sockets.setNoDelay(fd)) {
    throw new ProxyError("unavailable", "The system refused TCP_NODELAY");
  }
  return fd;
}

/** Gives the permission to open libraries up, for the rest of this process. */
export function giveUpFfi(): void {
  Deno.permissions.revokeSync({ name: "ffi" });
}
