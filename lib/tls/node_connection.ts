import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Address } from "../core/address.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import { ProxyError } from "../core/errors.ts";
import type { Receiver, Sender } from "../io/connection.ts";
import { CopiedReads } from "../io/copied_reads.ts";
import { StreamPair } from "../io/stream_pair.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { TlsConnection } from "./engine.ts";
import { freeSpent } from "./spent_memory.ts";

/** A `TlsConnection` over a `node:tls` socket whose handshake is done. */
export class NodeConnection implements TlsConnection {
  readonly peer: Address;
  readonly local: Address;
  readonly tls: TlsFacts;
  readonly certificate: Certificate | undefined;
  readonly bytes = { read: 0, written: 0 };
  readonly #socket: TLSSocket;
  /** The TCP socket beneath. */
  readonly #raw: Socket;
  #streams: StreamPair | undefined;
  #copies: CopiedReads | undefined;
  #readError: Error | undefined;
  /** The peer has half-closed, though what it sent before may not have been read yet. */
  #ended = false;
  #readsEnded = false;
  #writesEnded = false;
  /** Why it was closed; undefined while it is open. */
  #closed: Error | undefined;
  /** The read that waits for input; undefined while none does. */
  #waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  /** What the consumer may still hold: the chunk it was given last, and the one before. */
  #chunk: Uint8Array = NO_BYTES;
  #chunkBefore: Uint8Array = NO_BYTES;

  constructor(
    { socket, raw }: { socket: TLSSocket; raw: Socket },
    { peer, local, tls, certificate }: Pick<
      TlsConnection,
      "peer" | "local" | "tls" | "certificate"
    >,
  ) {
    this.#socket = socket;
    this.#raw = raw;
    this.peer = peer;
    this.local = local;
    this.tls = tls;
    this.certificate = certificate;
    socket.on("readable", () => this.#look());
    socket.on("end", () => {
      this.#ended = true;
      this.#look();
    });
    socket.on("error", (error) => this.close(new ProxyError("client_gone", error.message)));
    socket.on("close", () => this.close(new ProxyError("client_gone", "The client has gone")));
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#pair().readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#pair().writable;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#readError !== undefined) return Promise.reject(this.#readError);
    if (this.#readsEnded) return Promise.resolve(undefined);
    freeSpent(this.#chunkBefore);
    this.#chunkBefore = this.#chunk;
    this.#chunk = NO_BYTES;
    const waiting = Promise.withResolvers<Uint8Array | undefined>();
    this.#waiting = waiting;
    this.#look();
    return waiting.promise;
  }

  receive(into: Uint8Array, receiver: Receiver): void {
    this.#copies ??= new CopiedReads(this);
    this.#copies.receive(into, receiver);
  }

  /** What is read is copied, so nothing comes into a buffer unasked. */
  get reading(): boolean {
    return false;
  }

  send(bytes: Uint8Array, sender: Sender): void {
    this.write(bytes).then(() => sender.sent(), (error) => sender.sendFailed(error));
  }

  release(): void {
    if (this.#waiting !== undefined) return;
    freeSpent(this.#chunk);
    freeSpent(this.#chunkBefore);
    this.#chunk = this.#chunkBefore = NO_BYTES;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) {
          this.close(new ProxyError("client_gone", error.message));
          return reject(this.#closed);
        }
        this.bytes.written += bytes.length;
        resolve();
      });
    });
  }

  endWrites(): Promise<void> {
    if (this.#writesEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.end(() => {
        this.#writesEnded = true;
        this.#freeWhenDone();
        resolve();
      });
    });
  }

  failReads(reason: Error): void {
    if (this.#readsEnded || this.#readError !== undefined) return;
    this.#readError = reason;
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
    this.#streams?.failReadable(reason);
  }

  close(reason?: Error): void {
    this.#end(reason, () => this.#socket.destroy());
  }

  reset(reason?: Error): void {
    this.#end(reason, () => {
      this.#raw.resetAndDestroy();
      this.#socket.destroy();
    });
  }

  #end(reason: Error | undefined, free: () => void): void {
    if (this.#closed !== undefined) return;
    const error = reason ?? new ProxyError("client_gone", "The connection was closed");
    this.#closed = error;
    this.failReads(error);
    if (!this.#writesEnded) this.#streams?.failWritable(error);
    free();
  }

  /** Gives what there is to whoever waits for it. */
  #look(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const read: Uint8Array<ArrayBuffer> | null = this.#socket.read();
    if (read === null && !this.#ended) return;
    this.#waiting = undefined;
    if (read === null) {
      this.#readsEnded = true;
      waiting.resolve(undefined);
      return this.#freeWhenDone();
    }
    this.bytes.read += read.length;
    // not a `Buffer`, whose `slice` copies nothing
    this.#chunk = new Uint8Array(read.buffer, read.byteOffset, read.length);
    waiting.resolve(this.#chunk);
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
