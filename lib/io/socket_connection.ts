import type { Address } from "../core/address.ts";
import { NO_BYTES } from "./buffer_pool.ts";
import type { Connection, Receiver, Sender } from "./connection.ts";
import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";
import { ReadBuffers } from "./read_buffers.ts";
import { ShortWait } from "./short_wait.ts";
import { StreamPair } from "./stream_pair.ts";
import { TurnTaker } from "./turn_taker.ts";
import { afterReading, afterSending } from "./turns.ts";

/** What this needs of a socket; `Deno.TcpConn` and `Deno.TlsConn` have it. */
export interface ByteSocket {
  /** Reads into the buffer; null at the peer's half-close. */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  /** Rises with what the system takes of what is written; needed where `write` does not take parts. */
  readonly taken?: number;
  closeWrite(): Promise<void>;
  close(): void;
}

/** Whose connection it is, what its buffers take up, and how it is broken off. */
export interface SocketConnectionOptions {
  readonly peer: Address;
  readonly local: Address;
  /** The error that a broken connection is. */
  readonly goneCode: ErrorCode;
  /** Bytes that `read` reads into while little comes: what an idle connection costs. */
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
  /** Gives an error of the socket other words, for the log. */
  readonly reword?: (error: unknown) => unknown;
  /** Resets the open socket; it is closed once this has settled. Without it a reset is a close. */
  readonly sendReset?: () => Promise<void>;
}

/** A `Connection` over a socket's `read` and `write`. */
export class SocketConnection implements Connection {
  readonly peer: Address;
  readonly local: Address;
  readonly bytes = { read: 0, written: 0 };
  readonly #socket: ByteSocket;
  readonly #goneCode: ErrorCode;
  readonly #recordBytes: number;
  readonly #onBreakOff: (() => void) | undefined;
  readonly #reword: ((error: unknown) => unknown) | undefined;
  readonly #sendReset: (() => Promise<void>) | undefined;
  /** Made for who reads and writes by promises. */
  #chunks: ChunkReader | undefined;
  readonly #idleBufferBytes: number;
  #streams: StreamPair | undefined;
  /** What reading fails with from now on. */
  #readError: Error | undefined;
  #readsEnded = false;
  /** What writing fails with from now on. */
  #writeError: Error | undefined;
  #writesEnded = false;
  #isClosed = false;
  /** Why it was closed, once somebody wants to know. */
  #closeReason: Error | undefined;
  /** Whether the peer has reset it. */
  #dead = false;
  /** Whoever waits for bytes, what they are to be in, and how many are. */
  #receiver: Receiver | undefined;
  #into: Uint8Array = NO_BYTES;
  #filled = 0;
  /** Whether the socket is being read, and into what. */
  #reading = false;
  #target: Uint8Array = NO_BYTES;
  /** What a look for more has brought to `#target` after nobody waited any longer. */
  #found: number | null | ReadFailure | undefined;
  /** Made for the first look. */
  #look: ShortWait | undefined;
  readonly #turn = new TurnTaker();
  /** Bytes that were given last. */
  #given = 0;
  #sender: Sender | undefined;
  #unsent: Uint8Array = NO_BYTES;

  constructor(socket: ByteSocket, options: SocketConnectionOptions) {
    this.#socket = socket;
    this.peer = options.peer;
    this.local = options.local;
    this.#goneCode = options.goneCode;
    this.#onBreakOff = options.onBreakOff;
    this.#reword = options.reword;
    this.#sendReset = options.sendReset;
    this.#idleBufferBytes = options.idleBufferBytes;
    this.#recordBytes = options.recordBytes ?? Infinity;
  }

  get taken(): number {
    return this.#socket.taken ?? this.bytes.written;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair().readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#pair().writable;
  }

  read(): Promise<Uint8Array | undefined> {
    this.#chunks ??= new ChunkReader(this, this.#idleBufferBytes);
    return this.#chunks.read();
  }

  release(): void {
    if (!this.reading) this.#chunks?.release();
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.send(bytes, { sent: resolve, sendFailed: reject })
    );
  }

  receive(into: Uint8Array, receiver: Receiver): void {
    this.#receiver = receiver;
    this.#into = into;
    this.#filled = 0;
    const known = this.#readsFail || this.#readsEnded;
    if (known || this.#found !== undefined) return queueMicrotask(this.#giveKnown);
    if (!this.#reading) this.#readOn();
  }

  get reading(): boolean {
    return this.#reading || this.#found !== undefined;
  }

  send(bytes: Uint8Array, sender: Sender): void {
    const error = this.#isClosed ? this.#closeError : this.#writeError;
    if (error !== undefined) return queueMicrotask(() => sender.sendFailed(error));
    this.#sender = sender;
    this.#unsent = bytes;
    this.#socket.write(bytes).then(this.#onWritten, this.#onWriteError);
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
    if (!this.#readsEnded && !this.#readsFail) this.#tellReader(reason);
  }

  close(reason?: Error): void {
    if (this.#isClosed) return;
    this.#end(reason);
    this.#socket.close();
    if (!this.#dead && !(this.#readsEnded && this.#writesEnded)) this.#onBreakOff?.();
  }

  reset(reason?: Error): void {
    const sendReset = this.#sendReset;
    if (this.#isClosed || this.#dead || sendReset === undefined) return this.close(reason);
    this.#end(reason);
    const close = () => this.#socket.close();
    void sendReset().then(close, close);
  }

  /** All but the socket is over. */
  #end(reason: Error | undefined): void {
    this.#closeReason = reason;
    const isRead = this.#receiver !== undefined || this.#streams !== undefined;
    const tells = isRead && !this.#readsEnded && this.#readError === undefined;
    this.#isClosed = true;
    if (tells) this.#tellReader(this.#closeError);
    if (!this.#writesEnded) this.#streams?.failWritable(this.#closeError);
  }

  #tellReader(reason: Error): void {
    this.#readError = reason;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.receiveFailed(reason);
    this.#streams?.failReadable(reason);
  }

  /** Gives what is known already. */
  readonly #giveKnown = (): void => {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    const found = this.#found;
    if (this.#readsFail || this.#readsEnded || found === undefined) {
      this.#filled = 0;
      if (!this.#readsFail) return this.#give();
      this.#receiver = undefined;
      return receiver.receiveFailed(this.#readError ?? this.#closeError);
    }
    this.#found = undefined;
    if (found instanceof ReadFailure) this.#onReadError(found.cause);
    else this.#onRead(found);
  };

  /** Reads behind what is in the buffer already. */
  #readOn(): void {
    this.#reading = true;
    this.#target = this.#filled === 0 ? this.#into : this.#into.subarray(this.#filled);
    // a look for more has nobody wait
    if (this.#filled === 0) afterReading(this.#given, this.#takeTurn);
    else this.#takeTurn();
  }

  readonly #takeTurn = (): void => this.#turn.take(this.#readNow);

  readonly #readNow = (): void => {
    this.#socket.read(this.#target).then(this.#onRead, this.#onReadError);
  };

  readonly #onRead = (count: number | null): void => {
    this.#reading = false;
    if (this.#readsFail) {
      if (count === null) this.#endReads();
      return;
    }
    if (this.#receiver === undefined) return void (this.#found = count);
    if (count === null) {
      if (this.#filled > 0) {
        this.#found = null;
        return this.#give();
      }
      this.#endReads();
      return this.#give();
    }
    const taken = this.#take(count);
    const mayBeMore = taken >= this.#recordBytes && this.#into.length - this.#filled >= taken &&
      this.#found === undefined;
    if (mayBeMore) this.#lookForMore();
    else this.#give();
  };

  /** Takes bytes that have come to `#target`, which is elsewhere where a look was begun for another. */
  #take(count: number): number {
    const target = this.#target;
    const at = this.#into.byteOffset + this.#filled;
    let taken = count;
    if (target.buffer !== this.#into.buffer || target.byteOffset !== at) {
      taken = Math.min(count, this.#into.length - this.#filled);
      this.#into.set(target.subarray(0, taken), this.#filled);
      if (taken < count) {
        this.#target = target.subarray(taken);
        this.#found = count - taken;
      }
    }
    this.bytes.read += taken;
    this.#filled += taken;
    return taken;
  }

  readonly #onReadError = (error: unknown): void => {
    this.#reading = false;
    const isNews = this.#receiver !== undefined && this.#filled === 0;
    if (isNews || this.#readsFail) return this.#break(error);
    this.#found = new ReadFailure(error);
    if (this.#receiver !== undefined) this.#give();
  };

  /** Gives what has been read. */
  #give(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#given = this.#filled;
    try {
      receiver?.received(this.#filled);
    } catch (error) {
      this.#endBy(error, (bug) => receiver?.receiveFailed(bug));
    }
  }

  /** Ends it by a bug of its user, who is told of it: nobody else would hear of what is thrown here. */
  #endBy(error: unknown, tell: (bug: ProxyError) => void): void {
    const bug = asProxyError(error, "internal");
    try {
      tell(bug);
    } catch {
      // it ends all the same
    }
    this.close(bug);
  }

  /**
   * A read that finds bytes at hand is settled a few turns of the microtask queue later. Who waits
   * for bytes waits as long, no longer: four records at once are a write instead of four.
   */
  #lookForMore(): void {
    this.#look ??= new ShortWait(LOOK_TURNS, () => {
      if (this.#receiver !== undefined && this.#filled > 0) this.#give();
    });
    this.#readOn();
    this.#look.start();
  }

  readonly #onWritten = (count: number): void => {
    this.bytes.written += count;
    const bytes = this.#unsent;
    const sender = this.#sender;
    if (sender !== undefined && count < bytes.length) {
      return this.send(bytes.subarray(count), sender);
    }
    this.#unsent = NO_BYTES;
    afterSending(count, this.#onSent);
  };

  readonly #onSent = (): void => {
    const sender = this.#sender;
    this.#sender = undefined;
    try {
      sender?.sent();
    } catch (error) {
      this.#endBy(error, (bug) => sender?.sendFailed(bug));
    }
  };

  /**
   * What the peer has sent before it broke off can still be read, and be the reason: a server that
   * answers an upload without reading it. So reading goes on until that fails by itself.
   */
  readonly #onWriteError = (error: unknown): void => {
    this.#dead ||= isDead(error);
    const sender = this.#sender;
    this.#sender = undefined;
    this.#unsent = NO_BYTES;
    this.#writeError = this.#isClosed ? this.#closeError : asProxyError(error, this.#goneCode);
    sender?.sendFailed(this.#writeError);
  };

  #break(error: unknown): void {
    this.#dead ||= isDead(error);
    this.close(asProxyError(this.#reword?.(error) ?? error, this.#goneCode));
  }

  #endReads(): void {
    this.#readsEnded = true;
    this.#freeWhenDone();
  }

  #freeWhenDone(): void {
    const noMoreReads = this.#readsEnded || this.#readsFail;
    if (noMoreReads && this.#writesEnded) this.close();
  }

  /** Whether reading fails from now on. */
  get #readsFail(): boolean {
    return this.#readError !== undefined || (this.#isClosed && !this.#readsEnded);
  }

  /** Made where it is asked for, which it is not most often: an error takes its time. */
  get #closeError(): Error {
    return this.#closeReason ??= new ProxyError(this.#goneCode, "The connection was closed");
  }

  #pair(): StreamPair {
    if (this.#streams === undefined) {
      this.#streams = new StreamPair(this);
      if (this.#isClosed && !this.#writesEnded) this.#streams.failWritable(this.#closeError);
    }
    return this.#streams;
  }
}

/** Reads by promises, into recycled buffers. */
class ChunkReader implements Receiver {
  readonly #connection: SocketConnection;
  readonly #buffers: ReadBuffers;
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;
  /** Where in it the next chunk begins: behind the last one where some was read ahead. */
  #at = 0;
  #resolve: (chunk: Uint8Array | undefined) => void = ignore;
  #reject: (reason: Error) => void = ignore;

  constructor(connection: SocketConnection, idleBytes: number) {
    this.#connection = connection;
    this.#buffers = new ReadBuffers(idleBytes);
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise(this.#start);
  }

  release(): void {
    this.#buffers.release();
  }

  /** Made once: a read would else make three functions. */
  readonly #start = (
    resolve: (chunk: Uint8Array | undefined) => void,
    reject: (reason: Error) => void,
  ): void => {
    this.#resolve = resolve;
    this.#reject = reject;
    if (!this.#connection.reading || this.#buffer === NO_BYTES) {
      this.#buffer = this.#buffers.next();
      this.#at = 0;
    }
    this.#connection.receive(this.#at === 0 ? this.#buffer : this.#buffer.subarray(this.#at), this);
  };

  received(count: number): void {
    const start = this.#at;
    if (count === 0) {
      // else chunks lie in it
      if (start === 0) this.#buffers.giveUnused();
      return this.#resolve(undefined);
    }
    this.#at += count;
    // what a look still brings lies behind it
    if (!this.#connection.reading) this.#buffers.used(count);
    this.#resolve(this.#buffer.subarray(start, this.#at));
  }

  receiveFailed(error: Error): void {
    this.#reject(error);
  }
}

/** Whether the system has nothing left of the connection. */
function isDead(error: unknown): boolean {
  return DEAD.some((kind) => error instanceof kind);
}

const DEAD = [Deno.errors.ConnectionReset, Deno.errors.ConnectionAborted, Deno.errors.BrokenPipe];

/** Turns of the microtask queue that a read with bytes at hand takes in this runtime, and one more. */
const LOOK_TURNS = 4;

/** An error that a read has failed with. */
class ReadFailure {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

function ignore(): void {}
