import { parentWildcard } from "../core/host_name.ts";
import type { ClientAuth } from "./policy.ts";

/** What clients have to prove under some names. */
export interface ClientAuthRule extends ClientAuth {
  /** Names, or `*.name` for one label more; empty for all that no other rule names. */
  readonly hosts: readonly string[];
}

/** The rules by name: an exact one before a wildcard before the one for all others. */
export class ClientAuthRules {
  readonly #byPattern = new Map<string, ClientAuthRule>();
  readonly #others: ClientAuthRule | undefined;

  constructor(rules: readonly ClientAuthRule[]) {
    for (const rule of rules) for (const host of rule.hosts) this.#byPattern.set(host, rule);
    this.#others = rules.find(({ hosts }) => hosts.length === 0);
  }

  /** @param name lower case; undefined where a client names none */
  ruleFor(name: string | undefined): ClientAuthRule | undefined {
    if (name === undefined) return this.#others;
    const wildcard = parentWildcard(name);
    return this.#byPattern.get(name) ??
      (wildcard === undefined ? undefined : this.#byPattern.get(wildcard)) ?? this.#others;
  }
}
