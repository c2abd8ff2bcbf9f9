import type { Outcome } from "./health.ts";

/** What asking a server once has come to. */
export interface ProbeResult {
  readonly outcome: Outcome;
  /** Why, for a person. */
  readonly reason: string;
}
