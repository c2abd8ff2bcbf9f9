import { TICKET_KEY_BYTES } from "./binding.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Sets of keys, each of `TICKET_KEY_BYTES`: the one in use, and those that are taken as well. */
export type TicketKeySets = readonly [newest: Bytes, ...alsoTaken: Bytes[]];

/** Of a set of keys the part that stands in front of every ticket (RFC 5077, section 4). */
const NAME_BYTES = 16;

/**
 * The keys that session tickets are sealed with: new tickets with the first set, and those that
 * were sealed with another are taken too: one before, or one that other replicas have in use a moment
 * sooner. Whoever has the same sets, such as the other workers, takes them as well.
 */
export class TicketKeys {
  #sets: TicketKeySets;

  constructor(sets: TicketKeySets = [newTicketKeys()]) {
    this.#sets = sets;
  }

  get newest(): Bytes {
    return this.#sets[0];
  }

  /** The set that a ticket was sealed with, by how it begins; undefined where it is none of these. */
  ofTicket(ticket: Uint8Array): Bytes | undefined {
    return this.#sets.find((keys) =>
      keys.subarray(0, NAME_BYTES).every((byte, at) => ticket[at] === byte)
    );
  }

  /** Has all sessions from now on sealed with another set. */
  replace(sets: TicketKeySets): void {
    this.#sets = sets;
  }
}

/** The sets with a new one; the oldest goes where there are too many. */
export function turnTicketKeys([newest]: TicketKeySets): TicketKeySets {
  return [newTicketKeys(), newest];
}

/**
 * How a ticket begins: as much as tells which set it was sealed with, apart from the ClientHello that
 * it came in, which may be large.
 */
export function ticketBeginning(ticket: Uint8Array): Uint8Array {
  return ticket.slice(0, NAME_BYTES);
}

/** A new set: its name, and keys that nobody has seen. */
export function newTicketKeys(): Bytes {
  return crypto.getRandomValues(new Uint8Array(TICKET_KEY_BYTES));
}
