import { type SystemLibrary, systemLibraryIfAny } from "./system_library.ts";

/** How many descriptors are held back. */
const RESERVED = 8;
/** Milliseconds between two tries to have as many again. */
const REFILL_MS = 1_000;
/** Of any process: it is only there to be copied. */
const STDERR = 2;

/** How many descriptors this process may have; undefined where it cannot be asked. */
export function descriptorLimit(): number | undefined {
  return systemLibraryIfAny()?.symbols.getdtablesize();
}

/**
 * Descriptors that are held back, so that whoever looks after the proxy gets through while clients
 * have all others. Without the system's library there are none.
 */
export class ReservedDescriptors implements Disposable {
  readonly #symbols: SystemLibrary["symbols"] | undefined = systemLibraryIfAny()?.symbols;
  readonly #held: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    this.#refill();
  }

  /** Gives one up, for somebody who takes it at once. @returns whether there was one */
  give(): boolean {
    const fd = this.#held.pop();
    if (fd === undefined) return false;
    this.#symbols?.close(fd);
    this.#timer ??= setInterval(() => this.#refill(), REFILL_MS);
    return true;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const fd of this.#held.splice(0)) this.#symbols?.close(fd);
  }

  #refill(): void {
    while (this.#symbols !== undefined && this.#held.length < RESERVED) {
      const fd = this.#symbols.dup(STDERR);
      if (fd < 0) return;
      this.#held.push(fd);
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
