/** 32 bits of a text; seeds lead to hashes that have nothing in common. */
export function hashOf(text: string, seed: number): number {
  return hashFrom(OFFSET_BASIS ^ seed, text);
}

/** FNV-1a's, for 32 bits. */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * The same that goes on from another hash: FNV-1a, mixed at its end by the finalizer of MurmurHash3,
 * as it alone leaves texts that differ at their end too close.
 */
export function hashFrom(start: number, text: string): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
