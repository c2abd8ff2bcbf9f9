import { hashFrom, hashOf } from "../../core/hash.ts";
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
    const key = hashOf(client, 0);
    let best: C | undefined;
    let highest = -Infinity;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i] as C;
      if (!candidate.open) continue;
      const lot = candidate.weight / -Math.log(unit(hashFrom(key, candidate.id)));
      if (lot > highest) {
        highest = lot;
        best = candidate;
      }
    }
    return best;
  }
}

/** A hash as a number between 0 and 1, neither of them. */
function unit(hash: number): number {
  return ((hash >>> 0) + 0.5) / 2 ** 32;
}
