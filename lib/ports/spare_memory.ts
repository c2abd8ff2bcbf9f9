import { systemLibraryIfAny } from "./system_library.ts";

/** How often is looked, in milliseconds. */
const EVERY_MS = 1_000;

/**
 * Gives memory back to the system that was freed and that the C library keeps for itself. Where work
 * has come in a burst, such as a thousand handshakes, it would else keep some 20 MiB for good: most
 * of it is what V8's threads have compiled with.
 */
export class SpareMemory implements Disposable {
  /** Undefined where the library cannot be called, or has no such function. */
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    const library = systemLibraryIfAny();
    if (library === undefined) return;
    const { clock, malloc_trim: trim } = library.symbols;
    if (trim === null) return;
    const rest = new Rest();
    this.#timer = setInterval(() => {
      // in a thread of its own: it goes through all that there is
      if (rest.look(Number(clock()))) void trim(0n);
    }, EVERY_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Work that may leave something behind, in microseconds of a processor. */
const WORK_US = 250_000;
/** The most of it between two looks that counts as rest: a process in use has something to do. */
const REST_US = 50_000;
/** Looks that one may be at work without rest. */
const LOOKS = 60;

/** Knows when a process has come to rest behind some work, or has worked for long. */
export class Rest {
  #last = 0;
  #worked = 0;
  #looks = 0;

  /**
   * @param time of a processor that the process has taken so far, in microseconds
   * @returns whether it is now; from then on it takes work anew
   */
  look(time: number): boolean {
    const spent = time - this.#last;
    this.#last = time;
    this.#worked += spent;
    if (this.#worked < WORK_US) return false;
    if (spent > REST_US && ++this.#looks < LOOKS) return false;
    this.#worked = this.#looks = 0;
    return true;
  }
}
