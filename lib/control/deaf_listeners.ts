import { formatAddress } from "../core/address.ts";
import type { ProxyEvent } from "../core/event.ts";

/** Which listeners cannot accept, by what is told of them. */
export class DeafListeners {
  readonly #deaf = new Set<string>();

  get any(): boolean {
    return this.#deaf.size > 0;
  }

  /** @param thread which of several has told it */
  observe(event: ProxyEvent, thread = 0): void {
    switch (event.kind) {
      case "listener_trouble":
        if (!event.accepts) this.#deaf.add(`${thread} ${formatAddress(event.listen)}`);
        return;
      case "listener_recovered":
        this.#deaf.delete(`${thread} ${formatAddress(event.listen)}`);
    }
  }

  /** A thread has died, and its listeners with it. */
  forget(thread: number): void {
    for (const key of this.#deaf) if (key.startsWith(`${thread} `)) this.#deaf.delete(key);
  }
}
