/** Where something stands in a `Roster`. */
export interface RosterEntry<T> {
  readonly value: T;
}

interface Linked<T> extends RosterEntry<T> {
  previous: Linked<T> | undefined;
  next: Linked<T> | undefined;
  /** Undefined once it was taken out. */
  home: Roster<T> | undefined;
}

/**
 * Things that come and go, in the order in which they have come.
 *
 * A `Set` is the wrong place for what lives shortly: the runtime copies its table as it changes, and
 * each table leads to the next. Once one of them has grown old, everything that comes and goes
 * later on hangs on it, and looks alive until the whole heap is gone through: half of all that
 * connections leave behind was copied about for that.
 */
export class Roster<T> {
  #first: Linked<T> | undefined;
  #last: Linked<T> | undefined;
  #size = 0;
  #emptied: PromiseWithResolvers<void> | undefined;

  get size(): number {
    return this.#size;
  }

  /** The one that came first of those that are left. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  /** All that are in it now. */
  values(): T[] {
    const values: T[] = [];
    for (let entry = this.#first; entry !== undefined; entry = entry.next) {
      values.push(entry.value);
    }
    return values;
  }

  /** @returns what takes it out again */
  add(value: T): RosterEntry<T> {
    const previous = this.#last;
    const entry: Linked<T> = { value, previous, next: undefined, home: this };
    if (previous === undefined) this.#first = entry;
    else previous.next = entry;
    this.#last = entry;
    this.#size++;
    return entry;
  }

  /** @returns whether it was in it */
  remove(entry: RosterEntry<T> | undefined): boolean {
    const gone = entry as Linked<T> | undefined;
    if (gone?.home !== this) return false;
    const { previous, next } = gone;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // nothing may hang on what is over
    gone.previous = gone.next = gone.home = undefined;
    this.#size--;
    if (this.#size === 0) {
      this.#emptied?.resolve();
      this.#emptied = undefined;
    }
    return true;
  }

  /** Settles once nothing is in it, be it for a moment. */
  whenEmpty(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers<void>();
    return this.#emptied.promise;
  }
}
