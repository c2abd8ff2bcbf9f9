import type { Address } from "../core/address.ts";

/** A listener as long as it accepts, and while it ends. */
export interface Listener {
  /** The address it listens on, with the port the system chose where 0 was asked. */
  readonly address: Address;
  /**
   * To be called when the certificates of its store have been replaced: settles once every new
   * handshake gets the new ones; at once without TLS.
   *
   * @throws {ProxyError} where it cannot; the old ones go on being given
   */
  refresh(): Promise<void>;
  /** To be called before another takes its address over: settles once it is a single socket. */
  settle(): Promise<void>;
  /**
   * Stops accepting; established connections go on, and clients amid their handshake, or their PROXY
   * header, may finish it within its deadline.
   */
  close(): Promise<void>;
  /** Settles once nobody is amid a handshake, or a PROXY header, of those that were accepted. */
  arrived(): Promise<void>;
  /** Cuts who is amid one. */
  cutArriving(): void;
}
