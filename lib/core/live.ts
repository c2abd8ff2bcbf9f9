/** A value that is replaced whole: whoever needs it reads `current` when it needs it. */
export class Live<T> {
  #current: T;

  constructor(current: T) {
    this.#current = current;
  }

  get current(): T {
    return this.#current;
  }

  replace(next: T): void {
    this.#current = next;
  }
}
