import { BlockList, isIP } from "node:net";
import { withoutMapping } from "./address.ts";
import { withoutZone } from "./ip.ts";

/** Addresses of which it is kept whether they are in a set. */
const MAX_KNOWN = 1_000;

/**
 * A set of IP addresses, given as addresses and networks (CIDR). An IPv4 address that comes mapped
 * into IPv6 (RFC 4291, section 2.5.5.2) is the same address.
 */
export class AddressSet {
  readonly #list = new BlockList();
  /** Of addresses that were asked for: the same clients come again and again. */
  readonly #known = new Map<string, boolean>();
  readonly empty: boolean;

  /** @param networks such as `10.0.0.0/8`, `2001:db8::/32` or a single address */
  constructor(networks: readonly string[]) {
    this.empty = networks.length === 0;
    for (const network of networks) {
      const [address = "", bits] = network.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  has(address: string): boolean {
    if (this.empty) return false;
    let known = this.#known.get(address);
    if (known === undefined) {
      known = this.#look(address);
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(address, known);
    }
    return known;
  }

  #look(address: string): boolean {
    const plain = withoutMapping(withoutZone(address));
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 6 ? "ipv6" : "ipv4");
  }
}
