import type { Connection } from "./connection.ts";

/** A connection that has carried messages and carries opaque bytes from now on. */
export class OpaqueRest
  implements Pick<Connection, "read" | "release" | "write" | "endWrites" | "reset" | "taken"> {
  readonly bytes: Connection["bytes"];
  readonly #connection: Connection;
  /** What is to be read before anything else. */
  readonly #first: Promise<Uint8Array | undefined>[];

  /**
   * @param rest the first of the opaque bytes, which have come with the last message
   * @param pending what a read that is under way will bring; undefined bytes are the end
   */
  constructor(connection: Connection, rest: Uint8Array, pending?: Promise<Uint8Array | undefined>) {
    this.#connection = connection;
    this.bytes = connection.bytes;
    this.#first = rest.length === 0 ? [] : [Promise.resolve(rest)];
    if (pending !== undefined) this.#first.push(pending);
  }

  get taken(): number {
    return this.#connection.taken;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#first.shift() ?? this.#connection.read();
  }

  release(): void {
    this.#connection.release?.();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#connection.write(bytes);
  }

  endWrites(): Promise<void> {
    return this.#connection.endWrites();
  }

  reset(reason?: Error): void {
    this.#connection.reset(reason);
  }
}
