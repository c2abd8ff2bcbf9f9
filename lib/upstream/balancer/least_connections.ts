import type { Balancer, Candidate } from "./balancer.ts";

/** Who has least to do for its weight; those with equally little take turns. */
export class LeastConnections implements Balancer {
  #turn = 0;

  pick<C extends Candidate>(candidates: readonly C[]): C | undefined {
    const { length } = candidates;
    const first = this.#turn++;
    let best: C | undefined;
    for (let i = 0; i < length; i++) {
      const candidate = candidates[(first + i) % length] as C;
      if (!candidate.open) continue;
      if (best === undefined || isLessBusy(candidate, best)) best = candidate;
    }
    return best;
  }
}

/** Whether one more would load `a` less for its weight than `b`. */
export function isLessBusy(a: Candidate, b: Candidate): boolean {
  return (a.load + 1) * b.currentWeight < (b.load + 1) * a.currentWeight;
}
