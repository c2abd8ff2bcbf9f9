import assert from "node:assert/strict";
import { pause } from "../../tests/support/deadline.ts";
import {
  ScriptedClient,
  scriptedRequest,
  ScriptedServer,
} from "../../tests/support/scripted_exchange.ts";
import {
  scriptedPolicy,
  scriptedRules,
  scriptedService,
} from "../../tests/support/scripted_policy.ts";
import { settled } from "../../tests/support/settled.ts";
import { AddressSet } from "../core/address_set.ts";
import { field } from "../http/field.ts";
import { Deadlines } from "../io/deadlines.ts";
import type { Backend } from "../upstream/backend.ts";
import type { Server } from "../upstream/server.ts";
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
    using service = new RequestService(client, identity, scriptedService({ deadlines }));
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

Deno.test("RequestService.serve() knows when a server was at hand behind a password", async () => {
  const checked = Promise.withResolvers<boolean>();
  const stream = new ScriptedServer();
  const server = { streamsFor: () => ({ take: () => stream }) } as unknown as Server;
  const backend = { name: "b", claim: () => server } as unknown as Backend;
  const login = { hashes: new Map([["u", "a hash"]]), realm: "r" };
  const action = { kind: "backend", backend } as const;
  const policy = scriptedPolicy({ action, rules: { ...RULES, login } });
  const values = (name: string) => name === "authorization" ? ["Basic dTpw"] : [];
  const client = new ScriptedClient(scriptedRequest({ values }));
  const rules = scriptedRules(() => checked.promise);
  const options = scriptedService({ rules });
  using service = new RequestService(client, new ClientIdentity(client.client), options);
  client.reader = service.exchange;
  service.serve(policy);
  await pause(5);
  const at = performance.now();
  checked.resolve(true);
  await settled();
  assert.ok(stream.asked);
  assert.ok(service.exchange.lease.leasedAt >= at);
});

Deno.test("RequestService tells of a compressed answer of the proxy's own where a body goes", async () => {
  const body = new TextEncoder().encode("x".repeat(2000));
  const answer = { status: 200, fields: [field("Content-Type", "text/plain")], body };
  const action = { kind: "respond", answer, etag: '"1"' } as const;
  const values = (name: string) => name === "accept-encoding" ? ["gzip"] : [];
  const coded: (string | undefined)[] = [];
  for (const method of ["GET", "HEAD"]) {
    const client = new ScriptedClient(scriptedRequest({ method, values }));
    const options = scriptedService({
      observe: (event) => event.kind === "request" && void coded.push(event.coded?.coding),
    });
    using service = new RequestService(client, new ClientIdentity(client.client), options);
    client.reader = service.exchange;
    service.serve(scriptedPolicy({ action, rules: RULES }));
    await settled();
    client.actions().find(({ name }) => name === "client takes")?.play();
  }
  assert.deepEqual(coded, ["gzip", undefined]);
});
