import type { Server } from "./server.ts";
import type { ServerStream } from "./server_stream.ts";

/** A connection that is one client's alone. */
export interface Pin {
  readonly server: Server;
  readonly stream: ServerStream;
}

/**
 * The connections to servers that are one client's alone: a server that knows who somebody is by the
 * connection (NTLM, Negotiate) must not hear anybody else on it. One for each backend.
 */
export class Pins {
  readonly #pins = new Map<string, Pin>();

  /** The client's connection to a server of a backend, where there is one and it is not in use. */
  take(backend: string): Pin | undefined {
    const pin = this.#pins.get(backend);
    this.#pins.delete(backend);
    return pin;
  }

  /** Keeps one whose request has ended for the client's next; closes it where it is of no use. */
  keep(backend: string, pin: Pin): void {
    const onGone = () => {
      if (this.#pins.get(backend) === pin) this.#pins.delete(backend);
    };
    if (pin.stream.retain(onGone)) this.#pins.set(backend, pin);
  }

  /** The client has gone. */
  close(): void {
    for (const { stream } of this.#pins.values()) stream.abort();
    this.#pins.clear();
  }
}
