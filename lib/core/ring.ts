/** The last so many of what was put in; older ones make room. */
export class Ring<T> {
  readonly #size: number;
  #items: T[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  push(item: T): void {
    this.#items.push(item);
    if (this.#items.length > this.#size) this.#items.shift();
  }

  /** The oldest first. */
  get items(): readonly T[] {
    return this.#items;
  }
}
