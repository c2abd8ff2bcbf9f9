import type { Outcome } from "./health.ts";

/** What asking a server once has come to. */
export interface ProbeResult {
  /** `untold` where it could not be asked, which says nothing of it. */
  readonly outcome: Outcome | "untold";
  /** Why, for a person. */
  readonly reason: string;
}
