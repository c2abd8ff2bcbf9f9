import type { Connection, Receiver, Sender } from "./connection.ts";
import { ReadBuffer } from "./read_buffer.ts";

/** Bytes to read into while little comes: what an idle connection costs. */
const SMALL_BYTES = 2 * 1024;

/**
 * Copies what one connection's peer sends to another's, until it half-closes: then that is told too.
 * Nothing is read before all of what was read last is on its way. It makes no promises but its own.
 */
export function copyBytes(from: Connection, to: Connection): Promise<void> {
  return new Promise((resolve, reject) => new Copy(from, to, resolve, reject).receive());
}

class Copy implements Receiver, Sender {
  readonly #from: Connection;
  readonly #to: Connection;
  readonly #done: () => void;
  readonly #failed: (error: Error) => void;
  /** What the bytes on their way lie in. */
  readonly #buffer = new ReadBuffer(SMALL_BYTES);
  #isBusy = false;

  constructor(
    from: Connection,
    to: Connection,
    done: () => void,
    failed: (error: Error) => void,
  ) {
    this.#from = from;
    this.#to = to;
    this.#done = done;
    this.#failed = failed;
  }

  receive(): void {
    this.#from.receive(this.#buffer.take(this.#isBusy), this);
  }

  received(count: number): void {
    if (count === 0) {
      this.#giveBuffer();
      return void this.#to.endWrites().then(this.#done, this.#failed);
    }
    this.#isBusy = count >= SMALL_BYTES;
    this.#to.send(this.#buffer.bytes.subarray(0, count), this);
  }

  receiveFailed(error: Error): void {
    this.#giveBuffer();
    this.#failed(error);
  }

  sent(): void {
    this.#giveBuffer();
    this.receive();
  }

  /** The buffer is not used again: it may still be read from. */
  sendFailed(error: Error): void {
    this.#failed(error);
  }

  #giveBuffer(): void {
    this.#buffer.give(this.#from.reading);
  }
}
