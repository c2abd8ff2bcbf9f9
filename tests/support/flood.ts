import { createHash } from "node:crypto";
import type { Transport } from "./connection.ts";
import { within } from "./deadline.ts";

/** Nothing moves any more when nothing has moved for so long. */
const STILL_MS = 400;

/** Bytes that differ everywhere, sent as fast as they are taken, from the moment it is made. */
export class Flood {
  /** Settles when all is sent. */
  readonly done: Promise<void>;
  /** Bytes that the sender got rid of. */
  sent = 0;
  readonly #hash = createHash("sha256");

  constructor(transport: Transport, total: number) {
    this.done = this.#send(transport, total);
    // who waits for it hears of it; until then it is no one's
    this.done.catch(() => {});
  }

  /** Of what was sent, hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Waits until nothing more is taken; false when all was. */
  async stalls(): Promise<boolean> {
    const over = this.done.then(() => true, () => true);
    for (let last = -1; this.sent !== last;) {
      last = this.sent;
      if (await within(over, "the rest to be taken", STILL_MS).catch(() => false)) return false;
    }
    return true;
  }

  async #send(transport: Transport, total: number): Promise<void> {
    const block = crypto.getRandomValues(new Uint8Array(64 * 1024));
    const view = new DataView(block.buffer);
    while (this.sent < total) {
      const bytes = block.subarray(0, Math.min(block.length, total - this.sent));
      view.setUint32(0, this.sent);
      this.#hash.update(bytes);
      await transport.write(bytes);
      this.sent += bytes.length;
    }
  }
}

/** Takes bytes when it is told to, and not before. */
export class Sink {
  /** Bytes taken so far. */
  size = 0;
  readonly #transport: Transport;
  readonly #hash = createHash("sha256");

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Of what was taken, hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Takes at least so many bytes in all, unless the peer ends before. */
  async takeUntil(size: number): Promise<void> {
    const what = () => `more of ${size} bytes, of which ${this.size} came`;
    while (this.size < size) {
      // as long as some come it takes what time it takes
      const chunk = await within(this.#transport.read(), what);
      if (chunk === undefined) return;
      this.#hash.update(chunk);
      this.size += chunk.length;
    }
  }
}
