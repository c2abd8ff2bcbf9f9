import type { ByteSocket } from "./socket_connection.ts";

/** A socket of which some bytes were read already: they are read once more, ahead of the others. */
export class PrefixedSocket implements ByteSocket {
  readonly #socket: ByteSocket;
  #rest: Uint8Array;

  constructor(socket: ByteSocket, rest: Uint8Array) {
    this.#socket = socket;
    this.#rest = rest;
  }

  read(into: Uint8Array): Promise<number | null> {
    const count = Math.min(this.#rest.length, into.length);
    if (count === 0) return this.#socket.read(into);
    into.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return Promise.resolve(count);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    this.#socket.close();
  }
}
