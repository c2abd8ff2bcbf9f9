import type { Address } from "../core/address.ts";
import { DARWIN } from "./system_library.ts";

/** Bytes of a `sockaddr_in6`, the larger of the two. */
const MAX_BYTES = 28;
const AF_INET = 2;

/** Room for a `sockaddr`, for the system to write an address into, and what it says then. */
export class SocketAddress {
  readonly bytes = new Uint8Array(MAX_BYTES);
  /** To be passed as `socklen_t *`. */
  readonly size = new Uint32Array([MAX_BYTES]);
  readonly #view = new DataView(this.bytes.buffer);

  /** `sin_port` and `sin6_port` stand at the same place, in network order. */
  get port(): number {
    return this.#view.getUint16(2);
  }

  /** The address in a form in which equal ones are equal: see `addressKey`. */
  get key(): string {
    const family = DARWIN ? this.#view.getUint8(1) : this.#view.getUint16(0, true);
    if (family === AF_INET) return addressKey({ host: this.#v4(4), port: this.port });
    const groups = Array.from(
      { length: 8 },
      (_, i) => this.#view.getUint16(8 + 2 * i).toString(16),
    );
    return addressKey({ host: groups.join(":"), port: this.port });
  }

  #v4(at: number): string {
    return this.bytes.subarray(at, at + 4).join(".");
  }
}

/** The same text for the same address, however it is written. */
export function addressKey({ host, port }: Address): string {
  if (!host.includes(":")) return `${host}:${port}`;
  const { hostname } = new URL(`http://[${host.replace(/%.*$/, "")}]`);
  // an IPv4 address mapped into IPv6 (RFC 4291, section 2.5.5.2), of which the URL makes two groups
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return `${hostname}:${port}`;
  const bytes = [high, low].map((group) => parseInt(group, 16)).flatMap((n) => [n >> 8, n & 0xff]);
  return `${bytes.join(".")}:${port}`;
}
