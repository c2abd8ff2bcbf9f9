import { ProxyError } from "../../core/errors.ts";
import { type Bytes, type OpenSsl, openSsl, type Pointer, PointerRoom } from "./library.ts";

/** What either direction of the pair holds: the most that is given at once, and its records' rims. */
const RING_BYTES = 96 * 1024;

/**
 * The pair of BIOs through which all sessions of this thread read and write their records: memory of
 * its own for each session would be several times what an idle connection takes. It is empty between
 * two calls of sessions: what was left there would go to another peer.
 */
export class RecordRing {
  /** The end that sessions have. */
  readonly inner: Pointer;
  readonly #outer: Pointer;
  readonly #crypto: OpenSsl["crypto"];
  /** Whether a session works on it: to ask the library whether it is empty would be four calls. */
  #busy = false;

  constructor({ crypto }: OpenSsl) {
    this.#crypto = crypto;
    const [inner, outer] = [new PointerRoom(), new PointerRoom()];
    const size = BigInt(RING_BYTES);
    crypto.BIO_new_bio_pair(inner.bytes, size, outer.bytes, size);
    this.inner = made(inner.read(crypto));
    this.#outer = made(outer.read(crypto));
  }

  /**
   * To be called before a session works on it; `end` follows, once it is empty again.
   *
   * @throws {ProxyError} `internal` where another has not come to its end: nobody gets what it left
   */
  begin(): void {
    if (this.#busy) {
      this.takeUnread();
      this.takeUnsent();
      this.#busy = false;
      throw new ProxyError("internal", "A TLS session has left records behind");
    }
    this.#busy = true;
  }

  end(): void {
    this.#busy = false;
  }

  /** Bytes that the session has not read yet. */
  get unread(): number {
    return this.#crypto.BIO_ctrl_pending(this.inner);
  }

  /** Bytes that the session has written. */
  get unsent(): number {
    return this.#crypto.BIO_ctrl_pending(this.#outer);
  }

  /** Lets the session read the first bytes of these. */
  feed(bytes: Bytes, count: number): void {
    if (count === 0) return;
    if (this.#crypto.BIO_write(this.#outer, bytes, count) !== count) {
      throw new ProxyError("internal", `${count} bytes are too many for a TLS session`);
    }
  }

  /** Takes back what the session has not read. */
  takeUnread(): Bytes | undefined {
    return this.#take(this.inner, this.unread);
  }

  takeUnsent(): Bytes | undefined {
    return this.#take(this.#outer, this.unsent);
  }

  /** The same into a buffer. @returns how many bytes */
  drainInto(buffer: Bytes): number {
    return Math.max(0, this.#crypto.BIO_read(this.#outer, buffer, buffer.length));
  }

  #take(end: Pointer, count: number): Bytes | undefined {
    if (count === 0) return undefined;
    const bytes = new Uint8Array(count);
    this.#crypto.BIO_read(end, bytes, count);
    return bytes;
  }
}

let ring: RecordRing | undefined;

/** The one of this thread. @throws {ProxyError} `unavailable` without the library */
export function recordRing(): RecordRing {
  return ring ??= new RecordRing(openSsl());
}

function made(pointer: Deno.PointerValue): Pointer {
  if (pointer === null) throw new ProxyError("unavailable", "OpenSSL has no memory for records");
  return pointer;
}
