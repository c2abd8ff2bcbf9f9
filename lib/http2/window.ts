import { MAX_WINDOW } from "./wire.ts";

/** What the peer lets us send (RFC 9113, section 6.9), on a stream or on the connection. */
export class SendWindow {
  /** Bytes; below 0 where the peer has made it smaller than what is on its way (section 6.9.2). */
  available: number;

  constructor(bytes: number) {
    this.available = bytes;
  }

  take(bytes: number): void {
    this.available -= bytes;
  }

  /** @returns false where the window is larger by this than any may be */
  grow(bytes: number): boolean {
    this.available += bytes;
    return this.available <= MAX_WINDOW;
  }
}

/** What we let the peer send, and how much of it somebody here still has to take. */
export class ReceiveWindow {
  /** Bytes that have come and that nobody has taken. */
  held = 0;
  /** Bytes the peer may still send. */
  #available: number;
  /** Bytes that were taken and that the peer has not been told of. */
  #credit = 0;
  /** How large it is when all has been taken. */
  #size: number;
  readonly #firstSize: number;
  readonly #maxSize: number;

  /** @param maxSize what it may grow to, where what comes is taken as fast as it comes */
  constructor(size: number, maxSize = size) {
    this.#available = size;
    this.#size = size;
    this.#firstSize = size;
    this.#maxSize = maxSize;
  }

  /** Whether the peer may send nothing before it is told of more. */
  get isShut(): boolean {
    return this.#available <= 0;
  }

  /** @returns false where the peer had no right to send so much */
  receive(bytes: number): boolean {
    this.#available -= bytes;
    this.held += bytes;
    return this.#available >= 0;
  }

  /**
   * Somebody has taken bytes. The peer is told once that is half of the window: to tell it of each
   * piece would take as many frames as it sends.
   *
   * @param share by how much it may grow to be larger than at first
   * @returns by how much to tell the peer that the window grows; 0 where it need not be told yet
   */
  release(bytes: number, share = Infinity): number {
    this.held -= bytes;
    this.#credit += bytes;
    if (this.#credit < this.#size >> 1) return 0;
    // nobody waits for a slow reader here, so the round trip to the peer may be what is slow
    const growth = this.held === 0 ? this.#growth(share) : 0;
    const increment = this.#credit + growth;
    this.#size += growth;
    this.#available += increment;
    this.#credit = 0;
    return increment;
  }

  #growth(share: number): number {
    const largest = Math.min(this.#maxSize, this.#firstSize + Math.floor(share));
    return Math.max(0, Math.min(this.#size, largest - this.#size));
  }
}
