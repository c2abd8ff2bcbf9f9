import type { TLSSocket } from "node:tls";
import type { Address } from "../core/address.ts";
import type { TlsFacts } from "../core/connection.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Certificate } from "./certificate.ts";
import type { TlsConnection } from "./engine.ts";

/** A `TlsConnection` over a `node:tls` socket whose handshake is done. */
export class NodeConnection implements TlsConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly peer: Address;
  readonly local: Address;
  readonly tls: TlsFacts;
  readonly certificate: Certificate;
  readonly bytes = { read: 0, written: 0 };
  readonly #socket: TLSSocket;
  #source!: ReadableStreamDefaultController<Uint8Array>;
  #sink!: WritableStreamDefaultController;
  /** Settles the pull that waits for input. */
  #wake: (() => void) | undefined;
  #ended = false;
  #readingOver = false;
  #writingOver = false;
  #closed = false;

  constructor(
    socket: TLSSocket,
    { peer, local, tls, certificate }: Pick<
      TlsConnection,
      "peer" | "local" | "tls" | "certificate"
    >,
  ) {
    this.#socket = socket;
    this.peer = peer;
    this.local = local;
    this.tls = tls;
    this.certificate = certificate;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#source = controller),
      pull: () => this.#read(),
      cancel: (reason) => this.close(asProxyError(reason, "client_gone")),
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => void (this.#sink = controller),
      write: (chunk) => this.#write(chunk),
      close: () => this.#endWriting(),
      abort: (reason) => this.close(asProxyError(reason, "client_gone")),
    }, { highWaterMark: 1 });
    socket.on("readable", () => this.#awake());
    socket.on("end", () => {
      this.#ended = true;
      this.#awake();
    });
    socket.on("error", (error) => this.close(new ProxyError("client_gone", error.message)));
    socket.on("close", () => this.close(new ProxyError("client_gone", "The client has gone")));
  }

  failReadable(reason: Error): void {
    if (this.#readingOver) return;
    this.#readingOver = true;
    this.#source.error(reason);
    this.#awake();
  }

  close(reason?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = reason ?? new ProxyError("client_gone", "The connection was closed");
    this.failReadable(error);
    if (!this.#writingOver) {
      this.#writingOver = true;
      this.#sink.error(error);
    }
    this.#socket.destroy();
  }

  async #read(): Promise<void> {
    while (!this.#readingOver) {
      const chunk: Uint8Array | null = this.#socket.read();
      if (chunk !== null) {
        this.bytes.read += chunk.length;
        return this.#source.enqueue(chunk);
      }
      if (this.#ended) {
        this.#readingOver = true;
        this.#source.close();
        return this.#freeWhenDone();
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #awake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        if (error) {
          const broken = new ProxyError("client_gone", error.message);
          this.close(broken);
          return reject(broken);
        }
        this.bytes.written += chunk.length;
        resolve();
      });
    });
  }

  #endWriting(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.end(() => {
        this.#writingOver = true;
        this.#freeWhenDone();
        resolve();
      });
    });
  }

  #freeWhenDone(): void {
    if (this.#readingOver && this.#writingOver) this.close();
  }
}
