import assert from "node:assert/strict";
import { ScriptedClient, scriptedRequest } from "../../tests/support/scripted_exchange.ts";
import { scriptedPolicy, scriptedRules } from "../../tests/support/scripted_policy.ts";
import { AddressSet } from "../core/address_set.ts";
import { Deadlines } from "../io/deadlines.ts";
import type { Backend } from "../upstream/backend.ts";
import { ClientIdentity } from "./client_identity.ts";
import type { Policy } from "./policy.ts";
import type { RouteRules } from "./route_rules.ts";
import { RequestService } from "./serve_request.ts";

const RULES: RouteRules = {
  deny: undefined,
  allow: undefined,
  rate: undefined,
  login: undefined,
  stripPrefix: undefined,
  host: undefined,
  requestFields: undefined,
  answerFields: undefined,
  compress: true,
};

/** Serves three requests of a client, and says how often it was asked whether its peer is trusted. */
function looksAtPeer(
  route: { readonly sticky?: boolean; readonly rules?: RouteRules },
): { looks: number; claims: number } {
  const seen = { looks: 0, claims: 0 };
  class Trusted extends AddressSet {
    override has(_address: string): boolean {
      seen.looks++;
      return false;
    }
  }
  const backend = {
    name: "b",
    sticky: route.sticky === true ? { read: () => KEPT } : undefined,
    claim: () => {
      seen.claims++;
      return new Promise(() => {});
    },
  } as unknown as Backend;
  const deadlines = new Deadlines();
  const policy: Policy = {
    ...scriptedPolicy({ action: { kind: "backend", backend }, rules: route.rules }),
    forwarded: { trusted: new Trusted([]), standard: false, via: false },
  };
  const client = new ScriptedClient(scriptedRequest());
  const identity = new ClientIdentity(client.client);
  for (let i = 0; i < 3; i++) {
    using service = new RequestService(client, identity, {
      ...{ deadlines, observe: () => {} },
      rules: scriptedRules(),
    });
    service.serve(policy);
  }
  return seen;
}

const KEPT = { member: undefined, requestChanges: () => undefined };

Deno.test("RequestService.serve() works out variables for rules alone, not to keep servers", () => {
  assert.deepEqual(looksAtPeer({}), { looks: 1, claims: 3 });
  assert.deepEqual(looksAtPeer({ sticky: true }), { looks: 1, claims: 3 });
  assert.deepEqual(looksAtPeer({ sticky: true, rules: RULES }), { looks: 4, claims: 3 });
});
