import type { Address } from "./address.ts";
import { giveBuffer, POOLED_BYTES, takeBuffer } from "./buffer_pool.ts";
import type { Connection } from "./connection.ts";
import { asProxyError, type ErrorCode, ProxyError } from "./errors.ts";

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
}

/**
 * A `Connection` over a socket's `read` and `write`. The runtime's own `readable` would allocate
 * 64 KiB for each pull and, at the end of input, close the other direction too.
 */
export class SocketConnection implements Connection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly peer: Address;
  readonly local: Address;
  readonly bytes = { read: 0, written: 0 };
  readonly #socket: ByteSocket;
  readonly #goneCode: ErrorCode;
  readonly #buffers: ReadBuffers;
  #source!: ReadableStreamDefaultController<Uint8Array>;
  #sink!: WritableStreamDefaultController;
  #reading: "open" | "ended" = "open";
  #writing: "open" | "ended" = "open";
  /** Why it was closed; undefined while it is open. */
  #closed: Error | undefined;

  constructor(socket: ByteSocket, options: SocketConnectionOptions) {
    this.#socket = socket;
    this.peer = options.peer;
    this.local = options.local;
    this.#goneCode = options.goneCode;
    this.#buffers = new ReadBuffers(options.idleBufferBytes);
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#source = controller),
      pull: () => this.#read(),
      cancel: (reason) => this.close(asProxyError(reason, this.#goneCode)),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => void (this.#sink = controller),
      write: (chunk) => this.#write(chunk),
      close: () => this.#endWriting(),
      abort: (reason) => this.close(asProxyError(reason, this.#goneCode)),
    }, { highWaterMark: 1 });
  }

  failReadable(reason: Error): void {
    if (this.#reading === "ended") return;
    this.#reading = "ended";
    this.#source.error(reason);
  }

  close(reason?: Error): void {
    if (this.#closed !== undefined) return;
    const error = reason ?? new ProxyError(this.#goneCode, "The connection was closed");
    this.#closed = error;
    this.failReadable(error);
    if (this.#writing === "open") {
      this.#writing = "ended";
      this.#sink.error(error);
    }
    this.#socket.close();
  }

  async #read(): Promise<void> {
    const buffer = this.#buffers.next();
    let count: number | null;
    try {
      count = await this.#socket.read(buffer);
    } catch (error) {
      return this.close(asProxyError(error, this.#goneCode));
    }
    if (this.#reading === "ended") return;
    if (count === null) {
      this.#buffers.giveUnused();
      this.#reading = "ended";
      this.#source.close();
      this.#freeWhenDone();
      return;
    }
    this.bytes.read += count;
    this.#buffers.used(count);
    this.#source.enqueue(buffer.subarray(0, count));
  }

  async #write(chunk: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < chunk.length;) {
        const count = await this.#socket.write(at === 0 ? chunk : chunk.subarray(at));
        at += count;
        this.bytes.written += count;
      }
    } catch (error) {
      this.close(asProxyError(error, this.#goneCode));
      throw this.#closed;
    }
  }

  async #endWriting(): Promise<void> {
    if (this.#writing === "ended") return;
    try {
      await this.#socket.closeWrite();
    } catch (error) {
      return this.close(asProxyError(error, this.#goneCode));
    }
    this.#writing = "ended";
    this.#freeWhenDone();
  }

  #freeWhenDone(): void {
    if (this.#reading === "ended" && this.#writing === "ended") this.close();
  }
}

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

  /** The last `next` was not filled and will not be. */
  giveUnused(): void {
    const buffer = this.#slots[this.#turn];
    this.#slots[this.#turn] = undefined;
    if (buffer !== undefined) giveBuffer(buffer);
  }
}

type Slot = Uint8Array<ArrayBuffer> | undefined;
