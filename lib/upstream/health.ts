/** What is known of a server: `pending` is not known yet, and used as if it were up. */
export type HealthState = "pending" | "up" | "down";

/** How a check, or a connection made for a request, went; `refused` leaves no doubt. */
export type Outcome = "passed" | "failed" | "refused";

/** How many outcomes in a row change a server's state. */
export interface HealthRules {
  /** Checks passed in a row that bring a server back. */
  readonly rise: number;
  /** Checks failed in a row that take it out; one that is refused does so alone. */
  readonly fall: number;
}

/** Counts outcomes into a state; without I/O and without a clock. */
export class HealthCounter {
  readonly #rules: HealthRules;
  #state: HealthState = "pending";
  /** Outcomes in a row that speak against the state. */
  #against = 0;

  constructor(rules: HealthRules) {
    this.#rules = rules;
  }

  get state(): HealthState {
    return this.#state;
  }

  /** Whether the next outcomes may change the state, so that checking faster is worth it. */
  get changing(): boolean {
    return this.#state === "pending" || this.#against > 0;
  }

  /** @returns the new state, where this outcome has changed it */
  record(outcome: Outcome): HealthState | undefined {
    if (this.#state === "down") return this.#recordDown(outcome);
    if (outcome === "passed") {
      this.#against = 0;
      return this.#state === "pending" ? this.#become("up") : undefined;
    }
    this.#against++;
    const out = outcome === "refused" || this.#against >= this.#rules.fall;
    return out ? this.#become("down") : undefined;
  }

  /** Takes a state that others have counted. @returns it, where it is another */
  become(state: "up" | "down"): HealthState | undefined {
    return state === this.#state ? undefined : this.#become(state);
  }

  #recordDown(outcome: Outcome): HealthState | undefined {
    this.#against = outcome === "passed" ? this.#against + 1 : 0;
    return this.#against >= this.#rules.rise ? this.#become("up") : undefined;
  }

  #become(state: HealthState): HealthState {
    this.#state = state;
    this.#against = 0;
    return state;
  }
}
