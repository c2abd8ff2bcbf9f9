import type { Connection } from "../http2/connection.ts";
import type { Stream } from "../http2/stream.ts";
import { ERROR } from "../http2/wire.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { Inbox } from "../io/inbox.ts";
import type { OpaqueEnd } from "./server_stream.ts";

/** As much of a connection as a tunnel needs; either end has it. */
type TunnelCarrier<Owner> = Pick<Connection<Owner>, "consumed" | "sendData" | "reset">;

/** A stream behind an extended CONNECT, as one end of what carries opaque bytes (RFC 8441). */
export class Http2Tunnel<Owner> implements OpaqueEnd {
  readonly bytes = { read: 0, written: 0 };
  readonly #connection: TunnelCarrier<Owner>;
  readonly #stream: Stream<Owner>;
  readonly #inbox = new Inbox();
  #ended = false;
  #error: Error | undefined;
  /** Why the peer takes no more, which has ended what it sends. */
  #parted: Error | undefined;
  /** Bytes that were given and are not taken yet. */
  #given = 0;
  #reading: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  #writing: PromiseWithResolvers<void> | undefined;

  constructor(connection: TunnelCarrier<Owner>, stream: Stream<Owner>) {
    this.#connection = connection;
    this.#stream = stream;
  }

  // What happens on the stream.

  received(bytes: Uint8Array, from: number, to: number, ended: boolean): void {
    this.#inbox.put(bytes, from, to);
    this.#ended ||= ended;
    this.#give();
  }

  sent(): void {
    const writing = this.#writing;
    this.#writing = undefined;
    writing?.resolve();
  }

  /** The peer takes no more, but has said all that it had to say: that can still be read. */
  parted(error: Error): void {
    this.#parted = error;
    this.#writing?.reject(error);
    this.#writing = undefined;
  }

  failed(error: Error): void {
    this.#error = error;
    this.#reading?.reject(error);
    this.#writing?.reject(error);
    this.#reading = undefined;
    this.#writing = undefined;
    this.#inbox.clear();
  }

  // What its user does.

  /** Rises with what is framed of what is written, also amid a piece. */
  get taken(): number {
    return this.#stream.bytesSent;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    this.#inbox.free();
    this.#connection.consumed(this.#stream, this.#given);
    this.#given = 0;
    this.#reading = Promise.withResolvers();
    const { promise } = this.#reading;
    this.#give();
    return promise;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#send(bytes, false);
  }

  endWrites(): Promise<void> {
    if (this.#error === undefined && this.#parted !== undefined) return Promise.resolve();
    return this.#send(NO_BYTES, true);
  }

  endReads(): void {
    this.received(NO_BYTES, 0, 0, true);
  }

  reset(reason?: Error): void {
    if (this.#error !== undefined) return;
    this.failed(reason ?? new Error("The stream was reset"));
    this.#connection.reset(this.#stream, ERROR.cancel);
  }

  #send(bytes: Uint8Array, ended: boolean): Promise<void> {
    const error = this.#error ?? this.#parted;
    if (error !== undefined) return Promise.reject(error);
    this.bytes.written += bytes.length;
    const taken = this.#connection.sendData(this.#stream, bytes, 0, bytes.length, ended);
    if (taken) return Promise.resolve();
    this.#writing = Promise.withResolvers();
    return this.#writing.promise;
  }

  #give(): void {
    const reading = this.#reading;
    if (reading === undefined || (this.#inbox.isEmpty && !this.#ended)) return;
    this.#reading = undefined;
    const range = this.#inbox.take();
    if (range === undefined) return reading.resolve(undefined);
    this.#given = range.to - range.from;
    this.bytes.read += this.#given;
    reading.resolve(range.bytes.subarray(range.from, range.to));
  }
}
