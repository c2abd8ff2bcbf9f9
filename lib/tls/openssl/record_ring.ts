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

  constructor({ crypto }: OpenSsl) {
    this.#crypto = crypto;
    const [inner, outer] = [new PointerRoom(), new PointerRoom()];
    const size = BigInt(RING_BYTES);
    crypto.BIO_new_bio_pair(inner.bytes, size, outer.bytes, size);
    this.inner = made(inner.read(crypto));
    this.#outer = made(outer.read(crypto));
  }

  /** To be called before a session works on it. @throws {ProxyError} `internal` where it is not empty */
  expectEmpty(): void {
    if (this.unread === 0 && this.unsent === 0) return;
    // nobody may ever get it
    this.takeUnread();
    this.takeUnsent();
    throw new ProxyError("internal", "A TLS session has left records behind");
  }

  /** Bytes that the session has not read yet. */
  get unread(): number {
    return this.#crypto.BIO_ctrl_pending(this.inner);
  }

  /** Bytes that the session has written. */
  get unsent(): number {
    return this.#crypto.BIO_ctrl_pending(this.#outer);
  }

  /** Lets the session read these bytes. */
  feed(bytes: Bytes): void {
    if (bytes.length === 0) return;
    if (this.#crypto.BIO_write(this.#outer, bytes, bytes.length) !== bytes.length) {
      throw new ProxyError("internal", `${bytes.length} bytes are too many for a TLS session`);
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
