import type { Balancer, Candidate } from "./balancer.ts";

/** Who has least to do for its weight; those with equally little take turns. */
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
    return best;
  }
}

/** Whether one more would load `a` less for its weight than `b`. */
export function isLessBusy(a: Candidate, b: Candidate): boolean {
  return (a.load + 1) * b.currentWeight < (b.load + 1) * a.currentWeight;
}
