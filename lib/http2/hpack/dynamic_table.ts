import type { HeaderField } from "./header_field.ts";

/** The fields a peer has entered, newest first (RFC 7541, section 2.3.2), in a ring that grows. */
export class DynamicTable {
  /** Changes with what indices mean. */
  generation = 0;
  #ring: (HeaderField | undefined)[] = [];
  /** Where the next one goes. */
  #head = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;

  /** @param maxSize in bytes, as section 4.1 counts them */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** @param index 0 is the newest */
  get(index: number): HeaderField | undefined {
    if (index >= this.#count) return undefined;
    return this.#ring[(this.#head - 1 - index) & (this.#ring.length - 1)];
  }

  /** Older ones go to make room; one that is larger than the table empties it (section 4.4). */
  insert(field: HeaderField): void {
    this.generation++;
    this.#evict(field.size);
    if (field.size > this.#maxSize) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[this.#head] = field;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count++;
    this.#size += field.size;
  }

  resize(maxSize: number): void {
    this.generation++;
    this.#maxSize = maxSize;
    this.#evict(0);
  }

  #evict(room: number): void {
    while (this.#count > 0 && this.#size + room > this.#maxSize) {
      const oldest = (this.#head - this.#count) & (this.#ring.length - 1);
      this.#size -= (this.#ring[oldest] as HeaderField).size;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const old = this.#ring;
    const larger: (HeaderField | undefined)[] = new Array(Math.max(8, old.length * 2));
    for (let i = 0; i < this.#count; i++) {
      larger[i] = old[(this.#head - this.#count + i) & (old.length - 1)];
    }
    this.#ring = larger;
    this.#head = this.#count;
  }
}
