import type { Balancer, Candidate } from "./balancer.ts";

/**
 * The same server for the same client for as long as it is there: rendezvous hashing by the
 * client's address. Each server draws a lot for the client, and the highest wins; so one that
 * leaves moves its own clients only, and one that comes takes its share from all alike (D. Thaler
 * and C. Ravishankar, Using name-based mappings to increase hit rates, 1998; weights after
 * J. Resch, New hashing algorithms for data storage, 2015).
 *
 * A slow start is not heeded: it would move clients to and fro.
 */
export class SourceHash implements Balancer {
  readonly goesByClient = true;

  pick<C extends Candidate>(candidates: readonly C[], client: string): C | undefined {
    const key = hashText(client, OFFSET_BASIS);
    let best: C | undefined;
    let highest = -Infinity;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i] as C;
      if (!candidate.open) continue;
      const lot = candidate.weight / -Math.log(unit(hashText(candidate.id, key)));
      if (lot > highest) {
        highest = lot;
        best = candidate;
      }
    }
    return best;
  }
}

/** FNV-1a's, for 32 bits. */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  }
  return mix(hash);
}

/** The finalizer of MurmurHash3: FNV alone leaves texts that differ at their end too close. */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** A hash as a number between 0 and 1, neither of them. */
function unit(hash: number): number {
  return ((hash >>> 0) + 0.5) / 2 ** 32;
}
