import type { Connection, Receiver, Sender } from "../../lib/io/connection.ts";
import { latin1 } from "./connection.ts";

/**
 * A connection without a socket: the test says what comes, and sees what is sent. It reads and writes
 * by `receive` and `send` alone.
 */
export class ScriptedConnection implements Connection {
  readonly peer = { host: "192.0.2.1", port: 1 };
  readonly local = { host: "192.0.2.2", port: 2 };
  readonly bytes = { read: 0, written: 0 };
  /** Everything that was taken. */
  sentText = "";
  closed = false;
  ended = false;
  /** Called with each piece that is to be sent; false leaves it on its way for good. */
  takes: (text: string) => boolean = () => true;
  #waiting: { into: Uint8Array; receiver: Receiver } | undefined;
  #input: (Uint8Array | undefined)[] = [];

  /** Bytes come; undefined is the end. */
  push(bytes: Uint8Array | undefined): void {
    this.#input.push(bytes);
    this.#give();
  }

  get reading(): boolean {
    return false;
  }

  get taken(): number {
    return this.bytes.written;
  }

  receive(into: Uint8Array, receiver: Receiver): void {
    this.#waiting = { into, receiver };
    queueMicrotask(() => this.#give());
  }

  send(bytes: Uint8Array, sender: Sender): void {
    const text = latin1(bytes);
    if (!this.takes(text)) return;
    queueMicrotask(() => {
      this.sentText += text;
      this.bytes.written += bytes.length;
      sender.sent();
    });
  }

  endWrites(): Promise<void> {
    this.ended = true;
    return Promise.resolve();
  }

  failReads(): void {}

  close(): void {
    this.closed = true;
  }

  reset(): void {
    this.close();
  }

  read(): Promise<Uint8Array | undefined> {
    throw new TypeError("This connection is not read by promises");
  }

  write(): Promise<void> {
    throw new TypeError("This connection is not written by promises");
  }

  get readable(): ReadableStream<Uint8Array> {
    throw new TypeError("This connection has no streams");
  }

  get writable(): WritableStream<Uint8Array> {
    throw new TypeError("This connection has no streams");
  }

  #give(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#input.length === 0 || this.closed) return;
    this.#waiting = undefined;
    const bytes = this.#input.shift();
    if (bytes === undefined) return waiting.receiver.received(0);
    const count = Math.min(bytes.length, waiting.into.length);
    if (count < bytes.length) this.#input.unshift(bytes.subarray(count));
    waiting.into.set(bytes.subarray(0, count));
    this.bytes.read += count;
    waiting.receiver.received(count);
  }
}
