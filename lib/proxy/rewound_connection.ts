import type { Address } from "../core/address.ts";
import { joinBytes } from "../core/bytes.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { Connection, Receiver, Sender } from "../io/connection.ts";
import type { HttpConnection } from "./http_connection.ts";

/** A connection of which some bytes were received already: they come once more. */
export class RewoundConnection implements HttpConnection {
  readonly #connection: Connection;
  #rest: Uint8Array;
  /** Whether its maker still waits for some, and who has asked for them meanwhile. */
  #isAwaited: boolean;
  #asked: { readonly into: Uint8Array; readonly receiver: Receiver } | undefined;

  /** @param isAwaited whether more is being received: `came` is told of it */
  constructor(connection: Connection, rest: Uint8Array, isAwaited: boolean) {
    this.#connection = connection;
    this.#rest = rest;
    this.#isAwaited = isAwaited;
  }

  /** What was awaited has come; nothing where there was an end. */
  came(bytes: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? bytes : joinBytes([this.#rest, bytes]);
    this.#isAwaited = false;
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined) this.receive(asked.into, asked.receiver);
  }

  receive(into: Uint8Array, receiver: Receiver): void {
    const count = Math.min(this.#rest.length, into.length);
    if (count === 0 && this.#isAwaited) return void (this.#asked = { into, receiver });
    if (count === 0) return this.#connection.receive(into, receiver);
    into.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    queueMicrotask(() => receiver.received(count));
  }

  read(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    if (rest.length === 0) return this.#connection.read();
    this.#rest = NO_BYTES;
    return Promise.resolve(rest);
  }

  get reading(): boolean {
    return this.#connection.reading;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#connection.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#connection.writable;
  }

  get peer(): Address {
    return this.#connection.peer;
  }

  get local(): Address {
    return this.#connection.local;
  }

  get bytes(): Connection["bytes"] {
    return this.#connection.bytes;
  }

  get taken(): number {
    return this.#connection.taken;
  }

  send(bytes: Uint8Array, sender: Sender): void {
    this.#connection.send(bytes, sender);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#connection.write(bytes);
  }

  endWrites(): Promise<void> {
    return this.#connection.endWrites();
  }

  failReads(reason: Error): void {
    this.#connection.failReads(reason);
  }

  close(reason?: Error): void {
    this.#connection.close(reason);
  }

  reset(reason?: Error): void {
    this.#connection.reset(reason);
  }
}
