import { isMap, isScalar, isSeq, type Pair } from "yaml";
import type { KeyPath } from "./key_path.ts";
import type { Place } from "./problem.ts";

/** Where in its text the values and keys of a YAML document stand. */
export class Locator {
  readonly #root: unknown;
  readonly #placeAt: (offset: number) => Place;
  /** The pairs of the maps that were looked into: of thousands each may have a mistake. */
  readonly #pairs = new WeakMap<object, ReadonlyMap<string, Pair>>();

  /** @param root the node of all that the document has */
  constructor(root: unknown, placeAt: (offset: number) => Place) {
    this.#root = root;
    this.#placeAt = placeAt;
  }

  /** The place of a value, or of the nearest one around it that is in the file. */
  value(keys: KeyPath): Place {
    let node = this.#root;
    let offset = rangeStart(node) ?? 0;
    for (const key of keys) {
      node = this.#child(node, key);
      const start = rangeStart(node);
      if (start === undefined) break;
      offset = start;
    }
    return this.#placeAt(offset);
  }

  /** The place of a key in a map, rather than of its value. */
  key(keys: KeyPath, key: string): Place {
    let node = this.#root;
    for (const step of keys) node = this.#child(node, step);
    const start = rangeStart(this.#pairOf(node, key)?.key);
    return start === undefined ? this.value(keys) : this.#placeAt(start);
  }

  /** Whether the file itself says anything there. */
  has(keys: KeyPath): boolean {
    let node = this.#root;
    for (const key of keys) node = this.#child(node, key);
    return node !== undefined;
  }

  #child(node: unknown, key: string | number): unknown {
    if (isMap(node)) return this.#pairOf(node, String(key))?.value ?? undefined;
    return isSeq(node) ? node.items[Number(key)] : undefined;
  }

  /** By what a key is as text: `502` is a number to YAML, and a name to its reader. */
  #pairOf(node: unknown, key: string): Pair | undefined {
    if (!isMap(node)) return undefined;
    const pairs = this.#pairs.get(node) ?? new Map(node.items.map((item) => [keyText(item), item]));
    this.#pairs.set(node, pairs);
    return pairs.get(key);
  }
}

/** A key that is null, as `~` or left out, is the empty one to who reads the value. */
function keyText({ key }: Pair): string {
  return isScalar(key) && key.value === null ? "" : String(key);
}

/** Where a node of a document begins, in UTF-16 units; undefined for what stands nowhere. */
export function rangeStart(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  return Array.isArray(node.range) ? Number(node.range[0]) : undefined;
}
