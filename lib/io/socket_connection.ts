import type { Address } from "../core/address.ts";
import { NO_BYTES } from "./buffer_pool.ts";
import type { Connection } from "./connection.ts";
import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";
import { ReadBuffers } from "./read_buffers.ts";
import { StreamPair } from "./stream_pair.ts";
import { inTurn } from "./turns.ts";

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
   * The most that a read gives, where the socket gives a record at a time: behind a full one it is
   * looked whether another is at hand.
   */
  readonly recordBytes?: number;
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
  readonly #recordBytes: number;
  readonly #onBreakOff: (() => void) | undefined;
  #streams: StreamPair | undefined;
  /** What reading fails with from now on. */
  #readError: Error | undefined;
  #readsEnded = false;
  #writesEnded = false;
  /** Why it was closed; undefined while it is open. */
  #closed: Error | undefined;
  /** Whether the socket is being read. */
  #reading = false;
  /** Whether the peer has reset it. */
  #dead = false;
  /** Whoever waits for a chunk. */
  #waiting = false;
  #resolve: (chunk: Uint8Array | undefined) => void = ignore;
  #reject: (reason: Error) => void = ignore;
  /** What is read into, and the part of it that nobody has been given yet. */
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;
  #start = 0;
  #end = 0;
  /** What a look for more has brought after nobody waited any longer: it is the next read's. */
  #found: number | null | ReadFailure | undefined;
  #lookTurns = 0;
  #unwritten: Uint8Array = NO_BYTES;

  constructor(socket: ByteSocket, options: SocketConnectionOptions) {
    this.#socket = socket;
    this.peer = options.peer;
    this.local = options.local;
    this.#goneCode = options.goneCode;
    this.#onBreakOff = options.onBreakOff;
    this.#buffers = new ReadBuffers(options.idleBufferBytes);
    this.#recordBytes = options.recordBytes ?? Infinity;
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
    if (!this.#reading && this.#found === undefined) this.#buffers.release();
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
    this.#waiting = false;
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
    this.#waiting = true;
    const found = this.#found;
    if (found !== undefined) {
      this.#found = undefined;
      return found instanceof ReadFailure ? this.#onReadError(found.cause) : this.#onRead(found);
    }
    if (this.#reading) return;
    this.#buffer = this.#buffers.next();
    this.#start = this.#end = 0;
    this.#readOn();
  };

  /** Reads behind what is in the buffer already. */
  #readOn(): void {
    this.#reading = true;
    inTurn(this.#readNow);
  }

  readonly #readNow = (): void => {
    const end = this.#end;
    const into = end === 0 ? this.#buffer : this.#buffer.subarray(end);
    this.#socket.read(into).then(this.#onRead, this.#onReadError);
  };

  readonly #onRead = (count: number | null): void => {
    this.#reading = false;
    if (this.#readError !== undefined) {
      if (count === null) this.#endReads();
      return;
    }
    if (!this.#waiting) return void (this.#found = count);
    if (count === null) {
      if (this.#end > this.#start) {
        this.#found = null;
        return this.#give();
      }
      this.#endReads();
      this.#waiting = false;
      return this.#resolve(undefined);
    }
    this.bytes.read += count;
    this.#end += count;
    const mayBeMore = count >= this.#recordBytes && this.#buffer.length - this.#end >= count;
    if (mayBeMore) this.#lookForMore();
    else this.#give();
  };

  readonly #onReadError = (error: unknown): void => {
    this.#reading = false;
    const isNews = this.#waiting && this.#end === this.#start;
    if (isNews || this.#readError !== undefined) return this.#break(error);
    this.#found = new ReadFailure(error);
    if (this.#waiting) this.#give();
  };

  /** Gives what has been read. */
  #give(): void {
    const start = this.#start;
    const end = this.#end;
    this.#start = end;
    // what a look still brings lies behind it
    if (!this.#reading && this.#found === undefined) this.#buffers.used(end - start);
    this.#waiting = false;
    this.#resolve(this.#buffer.subarray(start, end));
  }

  /**
   * A read that finds bytes at hand is settled a few turns of the microtask queue later. Who waits
   * for a chunk waits as long, no longer: four records in one chunk are a write instead of four.
   */
  #lookForMore(): void {
    const looks = this.#lookTurns > 0;
    this.#lookTurns = LOOK_TURNS;
    this.#readOn();
    if (!looks) NOW.then(this.#onLookTurn);
  }

  readonly #onLookTurn = (): void => {
    const givesUp = --this.#lookTurns === 0;
    if (!givesUp) NOW.then(this.#onLookTurn);
    else if (this.#waiting && this.#end > this.#start) this.#give();
  };

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
    // else chunks lie in it
    if (this.#end === 0) this.#buffers.giveUnused();
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

/** Turns of the microtask queue that a read with bytes at hand takes in this runtime, and one more. */
const LOOK_TURNS = 4;

const NOW = Promise.resolve();

/** An error that a read has failed with. */
class ReadFailure {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

function ignore(): void {}
