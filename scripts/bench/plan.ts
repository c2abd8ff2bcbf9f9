import type { Processes } from "./processes.ts";

/** What to measure. */
export interface Plan {
  readonly rounds: number;
  readonly requests: number;
  readonly idleConnections: number;
  /** Whether the report is to go into docs/benchmarks.md, too. */
  readonly write: boolean;
  /** Names of contenders and workloads; none of a kind means all of it. */
  readonly only: readonly string[];
}

/** What a bench works in. */
export interface Surroundings {
  readonly processes: Processes;
  /** An empty folder. */
  readonly folder: string;
  /** Tells the user how it goes. */
  readonly say: (line: string) => void;
  readonly stop: AbortSignal;
}
