import type { Address } from "../core/address.ts";

/** What a connection takes up of what a listener may have; it is left once. */
export interface Place {
  /**
   * Says whose connection it is, where a proxy in front had to tell.
   *
   * @returns false where that one has too many: the place is left already
   */
  name(peer: Address): boolean;
  /**
   * It has yet to prove that it is of use.
   *
   * @param giveWay ends it, its place included, where others need the room; false where it has
   *   proved itself meanwhile
   */
  begin(giveWay: () => boolean): void;
  /** It has said something at least: those that have not give way before it. */
  spoke(): void;
  /** It has: its handshake is done. */
  settle(): void;
  leave(): void;
}

/** Where nothing is counted. */
export const FREE_PLACE: Place = {
  name: () => true,
  begin: () => {},
  spoke: () => {},
  settle: () => {},
  leave: () => {},
};
