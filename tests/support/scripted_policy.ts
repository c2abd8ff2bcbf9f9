import { AddressSet } from "../../lib/core/address_set.ts";
import { rateMemory, RateTable } from "../../lib/core/rate_table.ts";
import { Compressor } from "../../lib/proxy/compressor.ts";
import { Passwords } from "../../lib/proxy/passwords.ts";
import type { Policy } from "../../lib/proxy/policy.ts";
import type { RuleServices } from "../../lib/proxy/route_rules.ts";
import type { RouteTarget } from "../../lib/proxy/route_target.ts";
import { Router } from "../../lib/proxy/router.ts";
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

/** What rules are judged with, where none asks for a password that anybody knows. */
export function scriptedRules(): RuleServices {
  return {
    rates: new RateTable(rateMemory()),
    passwords: new Passwords(() => Promise.resolve(false)),
    compressor: new Compressor(),
  };
}
