import { AddressSet } from "../../lib/core/address_set.ts";
import { rateMemory, RateTable } from "../../lib/core/rate_table.ts";
import { Live } from "../../lib/core/live.ts";
import { Deadlines } from "../../lib/io/deadlines.ts";
import { Compressor } from "../../lib/proxy/compressor.ts";
import { type PasswordCheck, Passwords } from "../../lib/proxy/passwords.ts";
import type { Policy } from "../../lib/proxy/policy.ts";
import type { RuleServices } from "../../lib/proxy/route_rules.ts";
import type { RouteTarget } from "../../lib/proxy/route_target.ts";
import { Router } from "../../lib/proxy/router.ts";
import { RunQueue } from "../../lib/proxy/run_queue.ts";
import type { HttpSessionOptions, ServeOptions } from "../../lib/proxy/serve_request.ts";
import { ClientAuthRules } from "../../lib/tls/client_auth.ts";

/** A policy with one route, which every request takes. */
export function scriptedPolicy(
  { action, rules }: Pick<RouteTarget, "action"> & Partial<Pick<RouteTarget, "rules">>,
  timeouts: Partial<Policy["timeouts"]> = {},
): Policy {
  return {
    router: new Router([{ hosts: [], paths: [], target: { action, rules, bodyLimit: 0 } }]),
    errorPages: new Map(),
    certificates: undefined,
    clientAuth: new ClientAuthRules([]),
    limits: {
      ...{ headerBytes: 16_384, headers: 100, streams: 1, body: 0, bodyRate: 0 },
      ...{ connections: 0, connectionsPerIp: 0 },
    },
    forwarded: { trusted: new AddressSet([]), standard: false, via: false },
    timeouts: {
      ...{ header: 60_000, bodyIdle: 60_000, keepAlive: 60_000, tunnelIdle: 60_000 },
      ...timeouts,
    },
  };
}

/** What requests are served with, with nobody who is told of them; `given` stands in its place. */
export function scriptedService(given: Partial<ServeOptions> = {}): ServeOptions {
  return {
    ...{ deadlines: new Deadlines(), queue: new RunQueue(), observe: () => {} },
    rules: scriptedRules(),
    ...given,
  };
}

/** The same for the requests of a session, which go by this policy. */
export function scriptedSession(
  policy: Policy,
  given: Partial<ServeOptions> = {},
): HttpSessionOptions {
  return { policy: new Live(policy), ...scriptedService(given) };
}

/** What rules are judged with; by default nobody knows a password. */
export function scriptedRules(
  check: PasswordCheck = () => Promise.resolve(false),
): RuleServices {
  return {
    rates: new RateTable(rateMemory()),
    passwords: new Passwords(check),
    compressor: new Compressor(),
  };
}
