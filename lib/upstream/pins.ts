import type { Server } from "./server.ts";
import type { ServerStream } from "./server_stream.ts";

/** A connection that is one client's alone. */
export interface Pin {
  readonly server: Server;
  readonly stream: ServerStream;
}

/** Connections of a client to one backend at the most: as many as browsers make by HTTP/1.1. */
const MAX_PINS = 6;

/**
 * The connections to servers that are one client's alone: a server that knows who somebody is by the
 * connection (NTLM, Negotiate) must not hear anybody else on it. A client that asks for one thing
 * after another has one for each backend; one that asks for many at once, by HTTP/2, may have logged
 * in on several.
 */
export class Pins {
  readonly #pins = new Map<string, Pin[]>();
  #closed = false;

  /** The client's last connection to a server of a backend that is not in use; undefined for none. */
  take(backend: string): Pin | undefined {
    return this.#pins.get(backend)?.pop();
  }

  /** Keeps one whose request has ended for the client's next; closes it where it is of no use. */
  keep(backend: string, pin: Pin): void {
    const pins = this.#pins.get(backend) ?? [];
    if (this.#closed || pins.length >= MAX_PINS) return pin.stream.abort();
    const onGone = () => {
      const index = pins.indexOf(pin);
      if (index >= 0) pins.splice(index, 1);
    };
    if (!pin.stream.retain(onGone)) return;
    pins.push(pin);
    this.#pins.set(backend, pins);
  }

  /** The client has gone. */
  close(): void {
    this.#closed = true;
    for (const pins of this.#pins.values()) for (const { stream } of pins) stream.abort();
    this.#pins.clear();
  }
}
