import assert from "node:assert/strict";
import { fromLatin1 } from "../../tests/support/connection.ts";
import { scriptedRules } from "../../tests/support/scripted_policy.ts";
import { judge, type RouteRules } from "./route_rules.ts";

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
