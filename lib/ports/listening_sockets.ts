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
    this.#toNewest = LINUX ? this.#filter([[RETURN, SECOND]]) : undefined;
  }

  /**
   * Sets options on the socket that has just been opened on a port with `reusePort`, and so on every
   * socket it accepts, which inherit them: Nagle's algorithm is off, and the system takes little
   * more than it can send. The runtime's TLS connections have no `setNoDelay`, and without it each
   * answer of more than one TLS record on a kept-alive connection waits 40 ms for an
   * acknowledgement. What the system has taken nothing can go ahead of: a small answer waited behind
   * megabytes of downloads on the same connection.
   *
   * @returns the socket's descriptor
   * @throws {ProxyError} `unavailable` where it cannot be done, with the reason
   */
  tune(port: number): number {
    const fd = this.#newest(port);
    if (!this.#set(fd, IPPROTO_TCP, TCP_NODELAY, ONE)) {
      throw new ProxyError("unavailable", "The system refused TCP_NODELAY");
    }
    // goes without where it is not known
    this.#set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
    return fd;
  }

  /** Whether a descriptor is a socket that listens on a port. */
  listens(fd: number, port: number): boolean {
    return this.#get(fd, SOL_SOCKET, SO_ACCEPTCONN) === 1 && this.#portOf(fd) === port;
  }

  /**
   * Has a socket listen no more: new connections go to others, and those that waited to be accepted
   * are reset. A close alone comes to that later, where something else has the socket as well: the
   * thread of a worker that hangs, a process that is just being started, or a call of another
   * thread. Until then it would have its place among those that share the port.
   */
  silence(fd: number, port: number): void {
    // its number may be another socket's by now
    if (this.listens(fd, port)) this.#symbols.shutdown(fd, SHUT_RDWR);
  }

  /** The socket last opened of those that share a port: its options are as they were made. */
  #newest(port: number): number {
    for (let fd = 3; fd < MAX_FD; fd++) {
      if (!this.listens(fd, port)) continue;
      if (this.#get(fd, SOL_SOCKET, SO_REUSEPORT) === 0) continue;
      if (this.#get(fd, IPPROTO_TCP, TCP_NODELAY) === 0) return fd;
    }
    throw new ProxyError("unavailable", `The socket listening on port ${port} was not found`);
  }

  /**
   * Of two sockets that share a port, has the one opened last get every new connection, where the
   * system would deal them out. It holds for those that come to share the port later, too.
   */
  steerToNewest(fd: number): boolean {
    return this.#toNewest !== undefined && this.#attach(fd, this.#toNewest);
  }

  /**
   * Has some of the sockets that share a port get every new connection, by chance; all of them,
   * where none is named.
   *
   * @param fd any of them
   * @param places theirs among all, in the order in which they were opened; where one is closed the
   *   last takes its place
   */
  steerTo(fd: number, places: readonly number[]): boolean {
    return LINUX && this.#attach(fd, this.#filter(oneOf(places)));
  }

  #filter(instructions: readonly Instruction[]): SocketFilter {
    return new SocketFilter(instructions, (bytes) => this.#symbols.memmove(bytes, bytes, 0n));
  }

  #attach(fd: number, { program }: SocketFilter): boolean {
    return this.#set(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program);
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

/** An instruction of classic BPF: what to do, and with which number. */
type Instruction = readonly [code: number, value: number, skipUnless?: number];

/** Bytes of an instruction, `struct sock_filter` of Linux. */
const INSTRUCTION_BYTES = 8;

/** A classic BPF program, as `struct sock_fprog` of Linux has it. */
class SocketFilter {
  readonly program = new Uint8Array(16);
  /** Kept, as `program` points to it; with a buffer of its own, which is never moved. */
  readonly #instructions: Uint8Array<ArrayBuffer>;

  constructor(
    instructions: readonly Instruction[],
    addressOf: (bytes: Uint8Array<ArrayBuffer>) => bigint,
  ) {
    this.#instructions = new Uint8Array(new ArrayBuffer(instructions.length * INSTRUCTION_BYTES));
    const code = new DataView(this.#instructions.buffer);
    instructions.forEach(([operation, value, skipUnless = 0], index) => {
      const at = index * INSTRUCTION_BYTES;
      code.setUint16(at, operation, true);
      code.setUint8(at + 3, skipUnless);
      code.setUint32(at + 4, value, true);
    });
    const view = new DataView(this.program.buffer);
    view.setUint16(0, instructions.length, true);
    view.setBigUint64(8, addressOf(this.#instructions), true);
  }
}

/** Returns one of the places, each as often as the others. */
function oneOf(places: readonly number[]): Instruction[] {
  const last = places.at(-1);
  if (last === undefined) return [[RETURN, NONE]];
  const first = places.slice(0, -1);
  return [
    [LOAD, RANDOM],
    [MODULO, places.length],
    ...first.flatMap((place, index): Instruction[] => [
      [JUMP_IF_EQUAL, index, 1],
      [RETURN, place],
    ]),
    [RETURN, last],
  ];
}

// linux/bpf_common.h and linux/filter.h
const RETURN = 0x06;
const LOAD = 0x20;
const MODULO = 0x94;
const JUMP_IF_EQUAL = 0x15;
/** Where a load finds a random number: `SKF_AD_OFF + SKF_AD_RANDOM`. */
const RANDOM = 0xfffff000 + 56;
/** No place: the system chooses. */
const NONE = 0xffffffff;

/**
 * `ret #1`: of the sockets that share a port, counted in the order in which they were opened, the
 * second one. When the first is closed the second takes its place, and where there is no second the
 * system chooses as if there were no program: so one program does for all time.
 */
const SECOND = 1;

const SHUT_RDWR = 2;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_NOTSENT_LOWAT = DARWIN ? 0x201 : 25;
/** What the system may hold beyond what is under way: two writes, so that it never runs dry. */
const UNSENT_BYTES = new Int32Array([128 * 1024]);
const SOL_SOCKET = DARWIN ? 0xffff : 1;
const SO_ACCEPTCONN = DARWIN ? 0x0002 : 30;
const SO_REUSEPORT = DARWIN ? 0x0200 : 15;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const ONE = new Int32Array([1]);
/** What Linux allows a process at the most, by default. */
const MAX_FD = 2 ** 20;
