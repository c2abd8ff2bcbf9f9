import { isMap, isSeq, type Pair } from "yaml";
import type { KeyPath } from "./key_path.ts";
import type { Place } from "./problem.ts";

/** Where in its text the values and keys of a YAML document stand. */
export class Locator {
  readonly #root: unknown;
  readonly #placeAt: (offset: number) => Place;

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
      node = child(node, key);
      const start = rangeStart(node);
      if (start === undefined) break;
      offset = start;
    }
    return this.#placeAt(offset);
  }

  /** The place of a key in a map, rather than of its value. */
  key(keys: KeyPath, key: string): Place {
    let node = this.#root;
    for (const step of keys) node = child(node, step);
    const start = rangeStart(pairOf(node, key)?.key);
    return start === undefined ? this.value(keys) : this.#placeAt(start);
  }

  /** Whether the file itself says anything there. */
  has(keys: KeyPath): boolean {
    let node = this.#root;
    for (const key of keys) node = child(node, key);
    return node !== undefined;
  }
}

function child(node: unknown, key: string | number): unknown {
  if (isMap(node)) return pairOf(node, String(key))?.value ?? undefined;
  return isSeq(node) ? node.items[Number(key)] : undefined;
}

/** By what a key is as text: `502` is a number to YAML, and a name to its reader. */
function pairOf(node: unknown, key: string): Pair | undefined {
  return isMap(node) ? node.items.find((item) => String(item.key) === key) : undefined;
}

/** Where a node of a document begins, in UTF-16 units; undefined for what stands nowhere. */
export function rangeStart(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  return Array.isArray(node.range) ? Number(node.range[0]) : undefined;
}
