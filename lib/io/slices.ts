/** Milliseconds of work after which others get their turn. */
const SLICE_MS = 1;

/** Long work on this thread, cut into slices. */
export class Slices {
  #began = performance.now();
  #before = 0;

  /** Whether others should get their turn now. */
  get isOver(): boolean {
    return performance.now() - this.#began >= SLICE_MS;
  }

  /** Milliseconds of work so far. */
  get worked(): number {
    return this.#before + performance.now() - this.#began;
  }

  /** Settles when it is this work's turn again. */
  async next(): Promise<void> {
    this.#before = this.worked;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#began = performance.now();
  }
}
