import { messageOf, ProxyError } from "../core/errors.ts";
import { libcPath } from "./libc.ts";

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Functions on sockets and memory that the runtime's API does not have. */
export interface SystemLibrary {
  readonly symbols: Omit<Symbols, "connect">;
  /**
   * Takes the peer from a socket, which sends a RST on Linux; see connect(2). To connect elsewhere
   * is for nobody: that would be beyond what the process is permitted.
   */
  readonly disconnect: (fd: number) => void;
}

/**
 * The library is opened once and kept, with the functions below and no other, as sockets come later
 * that need them while the permission to open a library is given back at start-up (`giveUpFfi`).
 * The handle is the process's, like the permission.
 */
let opened: SystemLibrary | undefined;

/** Libraries that stand on it. */
const above: string[] = [];

/** @throws {ProxyError} `unavailable` where it cannot be opened, with the reason */
export function systemLibrary(): SystemLibrary {
  return opened ??= open();
}

/** The same; undefined where it cannot be opened. */
export function systemLibraryIfAny(): SystemLibrary | undefined {
  try {
    return systemLibrary();
  } catch {
    return undefined;
  }
}

/** Tells of a library that has its functions as well, and may be opened where this one may not. */
export function standsOnSystemLibrary(path: string): void {
  above.push(path);
}

function open(): SystemLibrary {
  const path = libcPath();
  if (path === undefined) {
    throw new ProxyError("unavailable", `there is no known C library on ${Deno.build.target}`);
  }
  const allowed = [path, ...above].find((path) =>
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted"
  );
  if (allowed === undefined) {
    throw new ProxyError("unavailable", `the permission to call ${path} is not given`);
  }
  try {
    return openAt(allowed);
  } catch (error) {
    throw new ProxyError("unavailable", `cannot call ${path}: ${messageOf(error)}`);
  }
}

function openAt(path: string): SystemLibrary {
  const { connect, ...symbols } = Deno.dlopen(path, SYMBOLS).symbols;
  return { symbols, disconnect: (fd) => void connect(fd, NOWHERE, NOWHERE.length) };
}

/** A `sockaddr` of `AF_UNSPEC`. */
const NOWHERE = new Uint8Array(16);

/** Gives the permission to open libraries up, for the rest of this process. */
export function giveUpFfi(): void {
  Deno.permissions.revokeSync({ name: "ffi" });
}

const SYMBOLS = {
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  clock: { parameters: [], result: "i64" },
  // of the GNU library alone
  malloc_trim: { parameters: ["usize"], result: "i32", nonblocking: true, optional: true },
  getdtablesize: { parameters: [], result: "i32" },
  // moves nothing: it gives the address of its first argument back, for which the runtime's own way
  // (`Deno.UnsafePointer`) takes the permission to open any library
  memmove: { parameters: ["buffer", "buffer", "usize"], result: "usize" },
} as const;

export const DARWIN = Deno.build.os === "darwin";
export const LINUX = Deno.build.os === "linux";
