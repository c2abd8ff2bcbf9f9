import assert from "node:assert/strict";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { scriptedRules } from "../../tests/support/scripted_policy.ts";
import { AddressSet } from "../core/address_set.ts";
import { Passwords } from "./passwords.ts";
import { judge, type RouteRules, RuleRefusal } from "./route_rules.ts";

const RULES: RouteRules = {
  deny: undefined,
  allow: undefined,
  rate: undefined,
  login: { hashes: new Map([["ann", "hash"]]), realm: "x" },
  stripPrefix: undefined,
  host: undefined,
  requestFields: undefined,
  answerFields: undefined,
  compress: false,
};

Deno.test("judge() takes the addresses of a /64 for one who has passwords checked", async () => {
  const checked = Promise.withResolvers<boolean>();
  const services = scriptedRules(() => checked.promise);
  const ask = async (client: string, password: string): Promise<string> => {
    const value = `Basic ${fromLatin1(`ann:${password}`).toBase64()}`;
    const request = { values: () => [value] };
    try {
      await judge(RULES, { request, client }, services);
      return "served";
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  };
  const flood = Array.from({ length: 100 }, (_, i) => ask(`2001:db8::${i}`, String(i)));
  const other = ask("2001:db8:0:1::1", "sesame");
  checked.resolve(true);
  const served = (await Promise.all(flood)).filter((verdict) => verdict === "served").length;
  assert.deepEqual([served, await other], [4, "served"]);
});

/** What becomes of a request with these `Authorization` lines. */
async function judged(lines: readonly string[], check: () => Promise<boolean>) {
  const services = { ...scriptedRules(), passwords: new Passwords(check) };
  const request = { values: () => lines };
  try {
    await judge(RULES, { request, client: "192.0.2.1" }, services);
    return "served";
  } catch (error) {
    assert.ok(error instanceof RuleRefusal);
    const { code, rule, retryAfter, challenge } = error;
    return { code, rule, retryAfter, challenge };
  }
}

Deno.test("judge() takes one Authorization, and asks for it", async () => {
  const right = `Basic ${fromLatin1("ann:sesame").toBase64()}`;
  const asked = {
    ...{ code: "unauthorized", rule: "basic_auth", retryAfter: undefined },
    challenge: 'Basic realm="x", charset="UTF-8"',
  };
  const yes = () => Promise.resolve(true);
  assert.equal(await judged([right], yes), "served");
  assert.deepEqual(await judged([right], () => Promise.resolve(false)), asked);
  for (const lines of [[], [right, right], [right, "Bearer x"], ["Bearer x"], [""]]) {
    assert.deepEqual(await judged(lines, yes), asked, `${lines}`);
  }
});

Deno.test("judge() says when to ask again where too many passwords are being checked", async () => {
  const never = Promise.withResolvers<boolean>();
  const passwords = new Passwords(() => never.promise);
  const services = { ...scriptedRules(), passwords };
  const ask = async (password: string) => {
    const value = `Basic ${fromLatin1(`ann:${password}`).toBase64()}`;
    await judge(RULES, { request: { values: () => [value] }, client: "192.0.2.1" }, services);
  };
  const waiting = ["a", "b", "c", "d"].map(ask);
  await assert.rejects(ask("e"), { code: "overloaded", rule: "basic_auth", retryAfter: 1 });
  never.resolve(true);
  await Promise.all(waiting);
});

Deno.test("judge() asks deny before allow, and tells how long a rate has to be waited for", () => {
  const services = scriptedRules();
  const request = { values: () => [] };
  const local = new AddressSet(["127.0.0.0/8"]);
  const rate = { name: "r", rate: { interval: 2500, burst: 1 } };
  const ask = (rules: Partial<RouteRules>, client: string) =>
    judge({ ...RULES, login: undefined, ...rules }, { request, client }, services);
  assert.throws(() => ask({ deny: local, allow: local, rate }, "127.0.0.1"), {
    code: "forbidden",
    rule: "deny",
  });
  assert.throws(() => ask({ allow: local, rate }, "192.0.2.1"), {
    code: "forbidden",
    rule: "allow",
  });
  ask({ allow: local, rate }, "127.0.0.1");
  assert.throws(() => ask({ rate }, "127.0.0.1"), { code: "rate_limited", retryAfter: 3 });
  ask({ rate }, "fe80::1%eth0");
  assert.throws(() => ask({ rate }, "fe80::2"), { code: "rate_limited", rule: "rate_limit" });
});
