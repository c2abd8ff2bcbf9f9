import assert from "node:assert/strict";
import { type ClientAuthRule, ClientAuthRules } from "./client_auth.ts";

function rule(...hosts: string[]): ClientAuthRule {
  return { id: hosts.join() || "others", hosts, mode: "require", ca: "", crl: undefined };
}

const CASES: readonly [
  name: string | undefined,
  withOthers: string,
  without: string | undefined,
][] = [
  ["admin.test", "admin.test,b.test", "admin.test,b.test"],
  ["b.test", "admin.test,b.test", "admin.test,b.test"],
  ["a.wild.test", "*.wild.test", "*.wild.test"],
  ["exact.wild.test", "exact.wild.test", "exact.wild.test"],
  ["wild.test", "others", undefined],
  ["a.b.wild.test", "others", undefined],
  ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
  ["127.0.0.2", "others", undefined],
  [undefined, "others", undefined],
];

Deno.test("ClientAuthRules.ruleFor() takes the rule that names a host best", () => {
  const rules = [
    rule("*.wild.test"),
    rule("admin.test", "b.test"),
    rule("127.0.0.1"),
    rule("exact.wild.test"),
  ];
  for (const [name, withOthers, without] of CASES) {
    assert.equal(new ClientAuthRules([rule(), ...rules]).ruleFor(name)?.id, withOthers);
    assert.equal(new ClientAuthRules(rules).ruleFor(name)?.id, without);
  }
  assert.equal(new ClientAuthRules([]).ruleFor("a"), undefined);
});
