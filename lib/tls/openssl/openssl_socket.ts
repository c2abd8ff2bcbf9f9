import { joinBytes } from "../../core/bytes.ts";
import { BufferPool } from "../../io/buffer_pool.ts";
import { closeQuietly } from "../../io/close_quietly.ts";
import type { ByteSocket } from "../../io/socket_connection.ts";
import { closeWithLastWords } from "./last_words.ts";
import type { Bytes } from "./library.ts";
import { RecordWalk } from "./record_walk.ts";
import {
  MAX_INPUT_BYTES,
  MAX_PLAIN_BYTES,
  READ,
  sealedBytes,
  type TlsSession,
  WRITE,
} from "./session.ts";

/**
 * TLS over a TCP connection whose handshake is done, of either side. Ciphertext is read into the
 * caller's own buffer and decrypted there; the rest of a record that is larger than that, into one of
 * a pool. No function here is async, and each connection makes its callbacks once: a promise or a
 * closure for each read would show in what a request costs.
 */
export class OpenSslSocket implements ByteSocket {
  taken = 0;
  readonly #tcp: ByteSocket;
  readonly #session: TlsSession;
  #closed = false;
  /** Where the read under way is to put what it gets. */
  #into: Bytes = NOTHING;
  readonly #records = new RecordWalk();
  /** What the rest of a large record is read into. */
  #rest: Bytes | undefined;
  /** The write under way: a buffer of the pools, or bytes nobody asked to send. */
  #out: Bytes | undefined;
  #at = 0;
  #end = 0;
  /** Bytes of plaintext that the write under way stands for. */
  #count = 0;
  /** What has to go behind the write under way. */
  #queue: Queued[] = [];
  #queuedBytes = 0;
  /** Settles with the next read, for a write that waits for it. */
  #nextReadDone: PromiseWithResolvers<void> | undefined;
  /** Settles when the last of them, or of those before, was taken by TCP. */
  #lastSent: Promise<void> | undefined;

  constructor(tcp: ByteSocket, session: TlsSession) {
    this.#tcp = tcp;
    this.#session = session;
  }

  /**
   * @returns null behind close_notify
   * @throws {Deno.errors.UnexpectedEof} where TCP ends and TLS has not
   * @throws {Deno.errors.InvalidData} where what came is no TLS, in words for the log
   */
  read(into: Uint8Array): Promise<number | null> {
    if (this.#closed) return Promise.reject(closedError());
    // a long head is read into more than the session takes at once
    const room = into.length > MAX_INPUT_BYTES ? into.subarray(0, MAX_INPUT_BYTES) : into;
    this.#into = room as Bytes;
    return this.#session.hasMore ? this.#readAtHand() : this.#readMore();
  }

  /** Settles once TCP has taken all of what was encrypted: up to `MAX_PLAIN_BYTES`. */
  write(bytes: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(closedError());
    const plain = bytes.length > MAX_PLAIN_BYTES ? bytes.subarray(0, MAX_PLAIN_BYTES) : bytes;
    const out = takeBuffer(plain.length);
    const end = this.#session.write(plain as Bytes, out);
    if (end < 0) {
      giveBuffer(out);
      if (end === WRITE.wantsRead) return this.#nextRead().then(() => this.write(plain));
      return Promise.reject(new Deno.errors.BrokenPipe(this.#session.failure));
    }
    const rest = this.#session.takeUnsent();
    if (this.#out !== undefined || rest !== undefined) {
      const bytes = joinBytes([out.subarray(0, end), rest ?? NOTHING]);
      giveBuffer(out);
      return this.#enqueue(bytes).then(() => plain.length);
    }
    this.#out = out;
    this.#at = 0;
    this.#end = end;
    this.#count = plain.length;
    return this.#tcp.write(out.subarray(0, end)).then(this.#onWritten, this.#onWriteError);
  }

  /** Sends close_notify, then a FIN. */
  async closeWrite(): Promise<void> {
    if (this.#closed) throw closedError();
    this.#session.endWrites();
    const words = this.#session.takeUnsent();
    if (words !== undefined) await this.#enqueue(words);
    if (!this.#closed) await this.#tcp.closeWrite();
  }

  /** Ends both directions without a close_notify, behind an alert where there is one to send. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const hasFailed = this.#session.failure !== undefined;
    this.#session.close();
    this.#nextReadDone?.reject(closedError());
    if (hasFailed) void closeWithLastWords(this.#tcp, this.#lastSent);
    else closeQuietly(this.#tcp);
  }

  #readMore(): Promise<number | null> {
    const into = this.#into;
    const { missing } = this.#records;
    if (missing > into.length) {
      this.#rest = RECORD_POOL.take();
      return this.#tcp.read(this.#rest.subarray(0, missing)).then(this.#onRead, this.#onReadError);
    }
    const { held } = this.#session;
    const room = held === 0 || held > into.length / 2 ? into : into.subarray(0, into.length - held);
    return this.#tcp.read(room).then(this.#onRead, this.#onReadError);
  }

  /** Whoever reads goes on until there is data: what the write waits for is read by then. */
  #nextRead(): Promise<void> {
    return (this.#nextReadDone ??= Promise.withResolvers()).promise;
  }

  readonly #onReadError = (error: unknown): never => {
    this.#nextReadDone?.reject(error);
    this.#nextReadDone = undefined;
    throw error;
  };

  readonly #onRead = (count: number | null): Promise<number | null> | number | null => {
    if (this.#closed) throw closedError();
    if (count === null) {
      return this.#onReadError(new Deno.errors.UnexpectedEof("TCP ended without close_notify"));
    }
    return this.#decrypt(count);
  };

  #readAtHand(): Promise<number | null> {
    return Promise.try(this.#decryptAtHand);
  }

  readonly #decryptAtHand = (): Promise<number | null> | number | null => this.#decrypt(0);

  /** @param received how many bytes have come, which are decrypted into the caller's buffer */
  #decrypt(received: number): Promise<number | null> | number | null {
    const session = this.#session;
    const rest = this.#rest;
    const input = rest ?? this.#into;
    this.#records.pass(input, received, session.held === 0);
    const count = session.read(input, this.#into, received);
    if (rest !== undefined) RECORD_POOL.give(rest);
    this.#rest = undefined;
    const unasked = session.takeUnsent();
    if (unasked !== undefined) void this.#enqueue(unasked);
    if (this.#nextReadDone !== undefined) {
      this.#nextReadDone.resolve();
      this.#nextReadDone = undefined;
    }
    if (count > 0) return count;
    if (count === READ.ended) return null;
    if (count === READ.failed) throw new Deno.errors.InvalidData(session.failure);
    return this.#readMore();
  }

  readonly #onWritten = (count: number): number | Promise<number> => {
    this.#at += count;
    this.taken += count;
    const out = this.#out;
    if (out !== undefined && this.#at < this.#end) {
      return this.#tcp.write(out.subarray(this.#at, this.#end))
        .then(this.#onWritten, this.#onWriteError);
    }
    if (out !== undefined) giveBuffer(out);
    this.#out = undefined;
    const plain = this.#count;
    if (this.#queue.length > 0) this.#sendNext();
    return plain;
  };

  /** The buffer is not used again: TCP may still hold it. */
  readonly #onWriteError = (error: unknown): never => {
    this.#out = undefined;
    for (const { sent } of this.#queue.splice(0)) sent.reject(error);
    throw error;
  };

  /** Sends bytes in their turn: records have to go in the order in which they were made. */
  #enqueue(bytes: Bytes): Promise<void> {
    const sent = Promise.withResolvers<void>();
    // who does not wait for it does not miss it
    sent.promise.catch(ignore);
    this.#lastSent = sent.promise;
    this.#queue.push({ bytes, sent });
    this.#queuedBytes += bytes.length;
    if (this.#out === undefined) this.#sendNext();
    // a peer that makes us answer has to take the answers
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.close();
    return sent.promise;
  }

  #sendNext(): void {
    const next = this.#queue.shift();
    if (next === undefined) return;
    const { bytes, sent } = next;
    this.#queuedBytes -= bytes.length;
    this.#out = bytes;
    this.#at = 0;
    this.#end = bytes.length;
    this.#count = 0;
    this.#tcp.write(bytes).then(this.#onWritten, this.#onWriteError)
      .then(() => sent.resolve(), sent.reject);
  }
}

interface Queued {
  readonly bytes: Bytes;
  readonly sent: PromiseWithResolvers<void>;
}

const NOTHING: Bytes = new Uint8Array(0);

/** Of answers that the peer did not take, such as to many requests for new keys. */
const MAX_QUEUED_BYTES = 256 * 1024;

/** Most heads and small answers fit, and there may be one on its way for each connection. */
const SMALL_BYTES = 4 * 1024;
const SMALL_POOL = new BufferPool(sealedBytes(SMALL_BYTES), { maxBytes: 4 * 1024 * 1024 });
/** A record: a client that does not read holds what was sealed for it. */
const RECORD_BYTES = 16 * 1024;
const RECORD_POOL = new BufferPool(sealedBytes(RECORD_BYTES), { maxBytes: 4 * 1024 * 1024 });
const LARGE_POOL = new BufferPool(sealedBytes(MAX_PLAIN_BYTES), { maxBytes: 8 * 1024 * 1024 });

function takeBuffer(plain: number): Bytes {
  return poolFor(plain).take();
}

function poolFor(plain: number): BufferPool {
  if (plain <= SMALL_BYTES) return SMALL_POOL;
  return plain <= RECORD_BYTES ? RECORD_POOL : LARGE_POOL;
}

function giveBuffer(buffer: Bytes): void {
  SMALL_POOL.give(buffer);
  RECORD_POOL.give(buffer);
  LARGE_POOL.give(buffer);
}

function closedError(): Error {
  return new Deno.errors.BadResource("The connection was closed");
}

function ignore(): void {}
