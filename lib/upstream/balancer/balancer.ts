/** A server, as far as choosing among several depends on it. */
export interface Candidate {
  /** The same for the same server in every process. */
  readonly id: string;
  /** Whether it can take one more now. */
  readonly open: boolean;
  /** Its share of the work beside the others', above 0. */
  readonly weight: number;
  /** The same for now: less while it starts slowly. */
  readonly currentWeight: number;
  /** How many requests or connections it has now. */
  readonly load: number;
  /** What smooth round robin owes it; nobody else's. */
  credit: number;
}

/**
 * Chooses a server. It is asked for every request, so it makes no garbage.
 *
 * @returns undefined where no candidate is open
 */
export interface Balancer {
  /** Whether its choice depends on who the client is. */
  readonly goesByClient?: boolean;
  /** @param client the client's address, for those who go by it */
  pick<C extends Candidate>(candidates: readonly C[], client: string): C | undefined;
}

/** A number from 0 up to and without 1, each as likely. */
export type Random = () => number;
