import { type Address, formatAddress } from "../core/address.ts";
import { ipBytes, ipText, unmapped, withoutZone } from "../core/ip.ts";
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
    const host = family === AF_INET ? this.bytes.subarray(4, 8) : this.bytes.subarray(8, 24);
    return keyOf(host, this.port);
  }
}

/** The same text for the same address, however it is written. */
export function addressKey({ host, port }: Address): string {
  const bytes = ipBytes(withoutZone(host));
  return bytes === undefined ? `${host}:${port}` : keyOf(bytes, port);
}

function keyOf(bytes: Uint8Array, port: number): string {
  return formatAddress({ host: ipText(unmapped(bytes)), port });
}
