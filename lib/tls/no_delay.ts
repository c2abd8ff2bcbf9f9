import { messageOf, ProxyError } from "../core/errors.ts";

/**
 * Switches Nagle's algorithm off on a listening socket, and so on every socket it accepts, which
 * inherit the option. The runtime's TLS connections have no `setNoDelay`, and without it each
 * answer of more than one TLS record on a kept-alive connection waits 40 ms for an
 * acknowledgement. So the one call goes to the system's C library, at start-up; `revokeFfi` gives
 * the permission back afterwards.
 *
 * @throws {ProxyError} `unavailable` where it cannot be done, with the reason
 */
export function setNoDelayOnListener(port: number): void {
  const path = libcPath();
  if (path === undefined) {
    throw new ProxyError("unavailable", `There is no known C library on ${Deno.build.target}`);
  }
  let libc: Libc;
  try {
    libc = Deno.dlopen(path, SYMBOLS);
  } catch (error) {
    throw new ProxyError("unavailable", `Cannot call ${path}: ${messageOf(error)}`);
  }
  try {
    const listening = listeningSockets(libc, port);
    if (listening.length === 0) {
      throw new ProxyError("unavailable", `The socket listening on port ${port} was not found`);
    }
    for (const fd of listening) {
      if (libc.symbols.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, ONE.byteLength) !== 0) {
        throw new ProxyError("unavailable", "The system refused TCP_NODELAY");
      }
    }
  } finally {
    libc.close();
  }
}

/** Whether `setNoDelayOnListener` is allowed to try. */
export function mayCallLibc(): boolean {
  const path = libcPath();
  return path !== undefined &&
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
}

/** Gives the permission up for the rest of this process. */
export function revokeFfi(): void {
  Deno.permissions.revokeSync({ name: "ffi" });
}

const SYMBOLS = {
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const ONE = new Int32Array([1]);
const DARWIN = Deno.build.os === "darwin";
const SOL_SOCKET = DARWIN ? 0xffff : 1;
const SO_ACCEPTCONN = DARWIN ? 0x0002 : 30;
/** Descriptors are looked at up to here; a listener made at start-up has a low one. */
const MAX_FD = 4096;
/** Of a `sockaddr_in6`, the larger of the two. */
const SOCKADDR_BYTES = 28;

/** The descriptors of the sockets that listen on a port. */
function listeningSockets({ symbols }: Libc, port: number): number[] {
  const found: number[] = [];
  for (let fd = 3; fd < MAX_FD; fd++) {
    const accepting = new Int32Array(1);
    const size = new Uint32Array([4]);
    if (symbols.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, accepting, size) !== 0) continue;
    if (accepting[0] === 0) continue;
    const name = new Uint8Array(SOCKADDR_BYTES);
    symbols.getsockname(fd, name, new Uint32Array([SOCKADDR_BYTES]));
    // sin_port and sin6_port stand at the same place, in network order
    if (new DataView(name.buffer).getUint16(2) === port) found.push(fd);
  }
  return found;
}

/** By absolute path, so that the permission can name it. */
function libcPath(): string | undefined {
  const { os, arch } = Deno.build;
  if (os === "darwin") return "/usr/lib/libSystem.B.dylib";
  if (os === "linux") return `/lib/${arch}-linux-gnu/libc.so.6`;
  return undefined;
}
