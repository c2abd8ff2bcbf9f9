import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Connection, Receiver } from "../io/connection.ts";
import { RewoundConnection } from "./rewound_connection.ts";

/**
 * What is kept of a client that waits, such as the ClientHello of a browser; behind that it is not seen
 * any more that it leaves.
 */
const EARLY_BYTES = 4 * 1024;

/**
 * A client that waits for a server. It is read, so that it shows when it breaks off; what it says is
 * kept. One that half-closes may have said all that it has to say, and goes on waiting.
 */
export class WaitingClient implements Receiver {
  /** What it has broken off by, in its wait. */
  gone: Error | undefined;
  readonly #client: Connection;
  readonly #early = new Uint8Array(EARLY_BYTES);
  #filled = 0;
  #isReading = false;
  #giveUp: () => void = () => {};
  #served: RewoundConnection | undefined;

  constructor(client: Connection) {
    this.#client = client;
    this.#receive();
  }

  /** @param giveUp ends what it waits for now */
  waitFor(giveUp: () => void): void {
    this.#giveUp = giveUp;
    if (this.gone !== undefined) giveUp();
  }

  /** It waits no more. @returns it, from its first byte on */
  serve(): Connection {
    const early = this.#early.subarray(0, this.#filled);
    return this.#served = new RewoundConnection(this.#client, early, this.#isReading);
  }

  received(count: number): void {
    this.#isReading = false;
    const before = this.#filled;
    this.#filled += count;
    if (this.#served !== undefined) {
      this.#served.came(this.#early.subarray(before, this.#filled));
    } else if (count > 0 && this.#filled < EARLY_BYTES) {
      this.#receive();
    }
  }

  receiveFailed(error: Error): void {
    this.#isReading = false;
    if (this.#served !== undefined) return this.#served.came(NO_BYTES);
    this.gone = error;
    this.#giveUp();
  }

  #receive(): void {
    this.#isReading = true;
    this.#client.receive(this.#early.subarray(this.#filled), this);
  }
}
