/** Milliseconds between two beats of a worker, and between two looks at them. */
export const BEAT_MS = 500;
/** Milliseconds of silence from which on a worker gets no new connections: others serve them. */
const QUIET_MS = 2_000;
/** Milliseconds of silence after which a worker is taken to hang. */
export const HANG_MS = 5_000;

/** What becomes of a worker that is silent; each is called once. */
export interface Silence {
  /** It may only be busy. */
  quiet(): void;
  /** It was quiet, and goes on. */
  back(): void;
  /** It hangs; it is watched no more. */
  hangs(): void;
}

interface Watched extends Silence {
  beats: number;
  /** Milliseconds since a beat was seen. */
  silent: number;
  isQuiet: boolean;
}

/** Memory for the beats of so many workers. */
function beatMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * workers);
}

/** Has this thread be seen to go on, for as long as its event loop does. */
export function beat(memory: SharedArrayBuffer, worker: number): void {
  const beats = new Int32Array(memory);
  setInterval(() => Atomics.add(beats, worker, 1), BEAT_MS);
}

/**
 * Notices which workers hang. Each counts up in shared memory from its event loop: where the loop
 * does not turn, for an endless loop say, nothing else could tell.
 *
 * Time that this thread itself stood still, as all do where the process was stopped, is nobody's
 * silence: each look counts for no more than the time between two.
 */
export class Heartbeats implements Disposable {
  readonly memory: SharedArrayBuffer;
  readonly #beats: Int32Array;
  readonly #watched = new Map<number, Watched>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(workers: number) {
    this.memory = beatMemory(workers);
    this.#beats = new Int32Array(this.memory);
    this.#timer = setInterval(() => this.look(), BEAT_MS);
  }

  /** Watches a worker that beats already. */
  watch(worker: number, silence: Silence): void {
    const watched = { beats: this.#count(worker), silent: 0, isQuiet: false };
    this.#watched.set(worker, { ...silence, ...watched });
  }

  /** Who has died is not silent. */
  forget(worker: number): void {
    this.#watched.delete(worker);
  }

  /** Called every `BEAT_MS`. */
  look(): void {
    for (const [worker, watched] of this.#watched) {
      const beats = this.#count(worker);
      if (beats !== watched.beats) {
        watched.beats = beats;
        watched.silent = 0;
        if (watched.isQuiet) watched.back();
        watched.isQuiet = false;
        continue;
      }
      watched.silent += BEAT_MS;
      if (watched.silent >= HANG_MS) {
        this.#watched.delete(worker);
        watched.hangs();
      } else if (watched.silent >= QUIET_MS && !watched.isQuiet) {
        watched.isQuiet = true;
        watched.quiet();
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #count(worker: number): number {
    return Atomics.load(this.#beats, worker);
  }
}
