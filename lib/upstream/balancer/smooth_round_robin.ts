import type { Balancer, Candidate } from "./balancer.ts";

/**
 * Turns by weight, spread evenly: weights 3 and 1 give a a b a, not a a a b. Each is owed its
 * weight with every turn, who is owed most has it and pays for all (the way of nginx's upstream
 * module).
 */
export class SmoothRoundRobin implements Balancer {
  pick<C extends Candidate>(candidates: readonly C[]): C | undefined {
    return pickByTurns(candidates, false);
  }
}

/** @param idle whether those alone have turns that have nothing to do */
export function pickByTurns<C extends Candidate>(
  candidates: readonly C[],
  idle: boolean,
): C | undefined {
  let best: C | undefined;
  let total = 0;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i] as C;
    if (!candidate.open || (idle && candidate.load > 0)) continue;
    const weight = candidate.currentWeight;
    candidate.credit += weight;
    total += weight;
    if (best === undefined || candidate.credit > best.credit) best = candidate;
  }
  if (best !== undefined) best.credit -= total;
  return best;
}
