import { ProxyError } from "../core/errors.ts";
import { SocketAddress } from "./socket_address.ts";
import { DARWIN, LINUX, type SystemLibrary, systemLibrary } from "./system_library.ts";

let made: ListeningSockets | undefined;

/** @throws {ProxyError} `unavailable` where the library cannot be opened, with the reason */
export function listeningSockets(): ListeningSockets {
  return made ??= new ListeningSockets(systemLibrary());
}

/**
 * Options of this process's listening sockets, by calls to the system's C library: the runtime's
 * API has neither the descriptors nor these options.
 */
export class ListeningSockets {
  readonly #symbols: SystemLibrary["symbols"];
  readonly #toNewest: SocketFilter | undefined;

  constructor({ symbols }: SystemLibrary) {
    this.#symbols = symbols;
    this.#toNewest = LINUX
      ? new SocketFilter(RETURN_1, (bytes) => symbols.memmove(bytes, bytes, 0n))
      : undefined;
  }

  /** The socket last opened of those that share a port: its options are as they were made. */
  newest(port: number): number {
    for (let fd = 3; fd < MAX_FD; fd++) {
      if (this.#get(fd, SOL_SOCKET, SO_ACCEPTCONN) !== 1 || this.#portOf(fd) !== port) continue;
      if (this.#get(fd, SOL_SOCKET, SO_REUSEPORT) === 0) continue;
      if (this.#get(fd, IPPROTO_TCP, TCP_NODELAY) === 0) return fd;
    }
    throw new ProxyError("unavailable", `The socket listening on port ${port} was not found`);
  }

  /** Switches Nagle's algorithm off on a socket, and so on those that it will accept. */
  setNoDelay(fd: number): boolean {
    return this.#set(fd, IPPROTO_TCP, TCP_NODELAY, ONE);
  }

  /**
   * Of two sockets that share a port, has the one opened last get every new connection, where the
   * system would deal them out. It holds for those that come to share the port later, too.
   */
  steerToNewest(fd: number): boolean {
    return this.#toNewest !== undefined &&
      this.#set(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, this.#toNewest.program);
  }

  #get(fd: number, level: number, option: number): number | undefined {
    const value = new Int32Array(1);
    const size = new Uint32Array([value.byteLength]);
    const code = this.#symbols.getsockopt(fd, level, option, value, size);
    if (code !== 0) return undefined;
    // for a flag that is on, macOS gives the flag's own bit
    return value[0] === 0 ? 0 : 1;
  }

  #set(fd: number, level: number, option: number, value: BufferSource & { byteLength: number }) {
    return this.#symbols.setsockopt(fd, level, option, value, value.byteLength) === 0;
  }

  #portOf(fd: number): number {
    const name = new SocketAddress();
    this.#symbols.getsockname(fd, name.bytes, name.size);
    return name.port;
  }
}

/** A classic BPF program of one instruction, as `struct sock_fprog` of Linux has it. */
class SocketFilter {
  readonly program = new Uint8Array(16);
  /** Kept, as `program` points to it; with a buffer of its own, which is never moved. */
  readonly #instruction: Uint8Array<ArrayBuffer>;

  constructor(
    instruction: readonly number[],
    addressOf: (bytes: Uint8Array<ArrayBuffer>) => bigint,
  ) {
    this.#instruction = new Uint8Array(new ArrayBuffer(instruction.length));
    this.#instruction.set(instruction);
    const view = new DataView(this.program.buffer);
    view.setUint16(0, 1, true);
    view.setBigUint64(8, addressOf(this.#instruction), true);
  }
}

/**
 * `ret #1`: of the sockets that share a port, counted in the order in which they were opened, the
 * second one. When the first is closed the second takes its place, and where there is no second the
 * system chooses as if there were no program: so one program does for all time.
 */
const RETURN_1 = [0x06, 0, 0, 0, 1, 0, 0, 0];

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SOL_SOCKET = DARWIN ? 0xffff : 1;
const SO_ACCEPTCONN = DARWIN ? 0x0002 : 30;
const SO_REUSEPORT = DARWIN ? 0x0200 : 15;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const ONE = new Int32Array([1]);
/** What Linux allows a process at the most, by default. */
const MAX_FD = 2 ** 20;
