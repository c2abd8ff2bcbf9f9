import type { Balancer, Candidate, Random } from "./balancer.ts";
import { isLessBusy } from "./least_connections.ts";

/**
 * Two at random, by weight, and of these the less busy one. It avoids busy servers almost as well
 * as looking at all of them, and proxies that know nothing of each other do not all choose the same
 * (M. Mitzenmacher, The power of two choices in randomized load balancing, 2001).
 */
export class RandomOfTwo implements Balancer {
  readonly #random: Random;

  constructor(random: Random = Math.random) {
    this.#random = random;
  }

  pick<C extends Candidate>(candidates: readonly C[]): C | undefined {
    let total = 0;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i] as C;
      if (candidate.open) total += candidate.currentWeight;
    }
    const one = this.#one(candidates, total);
    if (one === undefined) return undefined;
    const other = this.#one(candidates, total) ?? one;
    // of two that have nothing to do the draw has decided, and weights are in that
    const isIdle = one.load === 0 && other.load === 0;
    return !isIdle && isLessBusy(other, one) ? other : one;
  }

  #one<C extends Candidate>(candidates: readonly C[], total: number): C | undefined {
    let left = this.#random() * total;
    let last: C | undefined;
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i] as C;
      if (!candidate.open) continue;
      last = candidate;
      left -= candidate.currentWeight;
      if (left < 0) break;
    }
    return last;
  }
}
