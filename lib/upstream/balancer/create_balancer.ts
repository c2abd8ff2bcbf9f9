import type { Balancer } from "./balancer.ts";
import { LeastConnections } from "./least_connections.ts";
import { RandomOfTwo } from "./random_of_two.ts";
import { SmoothRoundRobin } from "./smooth_round_robin.ts";
import { SourceHash } from "./source_hash.ts";

/** How a server is chosen, as a configuration calls it. */
export type BalancerName = "round_robin" | "least_connections" | "random" | "source_hash";

/** A balancer with nothing behind it yet: each backend needs one of its own. */
export function createBalancer(name: BalancerName): Balancer {
  switch (name) {
    case "round_robin":
      return new SmoothRoundRobin();
    case "least_connections":
      return new LeastConnections();
    case "random":
      return new RandomOfTwo();
    case "source_hash":
      return new SourceHash();
  }
}
