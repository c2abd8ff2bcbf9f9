import type { Address } from "./address.ts";
import { giveBuffer, NO_BYTES, POOLED_BYTES, takeBuffer } from "./buffer_pool.ts";
import type { Connection } from "./connection.ts";
import { asProxyError, type ErrorCode, ProxyError } from "./errors.ts";
import { StreamPair } from "./stream_pair.ts";

/** What this needs of a socket; `Deno.TcpConn` and `Deno.TlsConn` have it. */
export interface ByteSocket {
  /** Reads into the buffer; null at the peer's half-close. */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

export interface SocketConnectionOptions {
  readonly peer: Address;
  readonly local: Address;
  /** The error that a broken connection is. */
  readonly goneCode: ErrorCode;
  /** Bytes to read into while little comes: what an idle connection costs. */
  readonly idleBufferBytes: number;
  /**
   * Called when it is closed before both directions have come to a clean end, unless the peer has
   * reset it.
   */
  readonly onBreakOff?: () => void;
}

/** A `Connection` over a socket's `read` and `write`, reading into recycled buffers. */
export class SocketConnection implements Connection {
  readonly peer: Address;
  readonly local: Address;
  readonly bytes = { read: 0, written: 0 };
  readonly #socket: ByteSocket;
  readonly #goneCode: ErrorCode;
  readonly #buffers: ReadBuffers;
  readonly #onBreakOff: (() => void) | undefined;
  #streams: StreamPair | undefined;
  /** What reading fails with from now on. */
  #readError: Error | undefined;
  #readsEnded = false;
  #writesEnded = false;
  /** Why it was closed; undefined while it is open. */
  #closed: Error | undefined;
  #reading = false;
  /** Whether the peer has reset it. */
  #dead = false;
  /** The read that waits, and the buffer it waits with. */
  #resolve: (chunk: Uint8Array | undefined) => void = ignore;
  #reject: (reason: Error) => void = ignore;
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;
  #unwritten: Uint8Array = NO_BYTES;

  constructor(socket: ByteSocket, options: SocketConnectionOptions) {
    this.#socket = socket;
    this.peer = options.peer;
    this.local = options.local;
    this.#goneCode = options.goneCode;
    this.#onBreakOff = options.onBreakOff;
    this.#buffers = new ReadBuffers(options.idleBufferBytes);
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair().readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#pair().writable;
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise(this.#startRead);
  }

  release(): void {
    if (!this.#reading) this.#buffers.release();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    this.#unwritten = bytes;
    return this.#socket.write(bytes).then(this.#onWritten, this.#onWriteError);
  }

  async endWrites(): Promise<void> {
    if (this.#writesEnded) return;
    try {
      await this.#socket.closeWrite();
    } catch (error) {
      return this.#break(error);
    }
    this.#writesEnded = true;
    this.#freeWhenDone();
  }

  failReads(reason: Error): void {
    if (this.#readsEnded || this.#readError !== undefined) return;
    this.#readError = reason;
    this.#reject(reason);
    this.#streams?.failReadable(reason);
  }

  close(reason?: Error): void {
    if (this.#closed !== undefined) return;
    const error = reason ?? new ProxyError(this.#goneCode, "The connection was closed");
    this.#closed = error;
    this.failReads(error);
    if (!this.#writesEnded) this.#streams?.failWritable(error);
    this.#socket.close();
    if (!this.#dead && !(this.#readsEnded && this.#writesEnded)) this.#onBreakOff?.();
  }

  /** The runtime has no way to send a RST: the end of TLS without close_notify has to do. */
  reset(reason?: Error): void {
    this.close(reason);
  }

  /** Functions of the object, made once: a read would else make three, and a write one. */
  readonly #startRead = (
    resolve: (chunk: Uint8Array | undefined) => void,
    reject: (reason: Error) => void,
  ): void => {
    if (this.#readError !== undefined) return reject(this.#readError);
    if (this.#readsEnded) return resolve(undefined);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reading = true;
    this.#buffer = this.#buffers.next();
    this.#socket.read(this.#buffer).then(this.#onRead, this.#onReadError);
  };

  readonly #onRead = (count: number | null): void => {
    this.#reading = false;
    if (this.#readError !== undefined) {
      if (count === null) this.#endReads();
      return;
    }
    if (count === null) {
      this.#endReads();
      return this.#resolve(undefined);
    }
    this.bytes.read += count;
    this.#buffers.used(count);
    this.#resolve(this.#buffer.subarray(0, count));
  };

  readonly #onReadError = (error: unknown): void => this.#break(error);

  readonly #onWritten = (count: number): Promise<void> | undefined => {
    this.bytes.written += count;
    const bytes = this.#unwritten;
    this.#unwritten = NO_BYTES;
    return count < bytes.length ? this.write(bytes.subarray(count)) : undefined;
  };

  readonly #onWriteError = (error: unknown): never => {
    this.#break(error);
    throw this.#closed;
  };

  #break(error: unknown): void {
    this.#dead = DEAD.some((kind) => error instanceof kind);
    this.close(asProxyError(error, this.#goneCode));
  }

  #endReads(): void {
    this.#buffers.giveUnused();
    this.#readsEnded = true;
    this.#freeWhenDone();
  }

  #freeWhenDone(): void {
    const noMoreReads = this.#readsEnded || this.#readError !== undefined;
    if (noMoreReads && this.#writesEnded) this.close();
  }

  #pair(): StreamPair {
    if (this.#streams === undefined) {
      this.#streams = new StreamPair(this);
      if (this.#closed !== undefined && !this.#writesEnded) {
        this.#streams.failWritable(this.#closed);
      }
    }
    return this.#streams;
  }
}

/** After these the system has nothing left of a connection. */
const DEAD = [Deno.errors.ConnectionReset, Deno.errors.ConnectionAborted, Deno.errors.BrokenPipe];

function ignore(): void {}

/**
 * Two buffers in turn, as the consumer may still hold one chunk while the next is read: small ones
 * while little comes, pooled ones once a read has filled its buffer.
 */
class ReadBuffers {
  readonly #idleBytes: number;
  readonly #slots: [Slot, Slot] = [undefined, undefined];
  #turn: 0 | 1 = 0;
  #busy = false;

  constructor(idleBytes: number) {
    this.#idleBytes = idleBytes;
    this.#busy = idleBytes >= POOLED_BYTES;
  }

  /** The buffer for the next read; the chunk that it held before is over. */
  next(): Uint8Array<ArrayBuffer> {
    const old = this.#slots[this.#turn];
    if (old !== undefined) {
      if ((old.length === POOLED_BYTES) === this.#busy) return old;
      giveBuffer(old);
    }
    const buffer = this.#busy ? takeBuffer() : new Uint8Array(this.#idleBytes);
    this.#slots[this.#turn] = buffer;
    return buffer;
  }

  /** The last `next` now holds a chunk of so many bytes. */
  used(count: number): void {
    this.#busy = this.#idleBytes >= POOLED_BYTES || count >= this.#idleBytes;
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  /** Every chunk is over: one buffer will do, the one that was filled last. */
  release(): void {
    const spare = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (spare !== undefined) giveBuffer(spare);
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  /** The last `next` was not filled and will not be. */
  giveUnused(): void {
    const buffer = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (buffer !== undefined) giveBuffer(buffer);
  }
}

type Slot = Uint8Array<ArrayBuffer> | undefined;
