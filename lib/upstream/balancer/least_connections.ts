import type { Balancer, Candidate } from "./balancer.ts";
import { pickByTurns } from "./smooth_round_robin.ts";

/**
 * Who has least to do for its weight; those with equally little take turns. Where that is nothing,
 * all who have nothing take turns by weight: else those of less weight would have no work before
 * there is much of it.
 */
export class LeastConnections implements Balancer {
  /** Where the next look begins: behind the last choice, so that nobody inherits a turn. */
  #next = 0;

  pick<C extends Candidate>(candidates: readonly C[]): C | undefined {
    const { length } = candidates;
    const first = this.#next;
    let best: C | undefined;
    for (let i = 0; i < length; i++) {
      const at = (first + i) % length;
      const candidate = candidates[at] as C;
      if (!candidate.open) continue;
      if (best !== undefined && !isLessBusy(candidate, best)) continue;
      best = candidate;
      this.#next = at + 1;
    }
    if (best === undefined || best.load > 0) return best;
    // by now another thread may have given it something
    return pickByTurns(candidates, true) ?? best;
  }
}

/** Whether one more would load `a` less for its weight than `b`. */
export function isLessBusy(a: Candidate, b: Candidate): boolean {
  return (a.load + 1) * b.currentWeight < (b.load + 1) * a.currentWeight;
}
