import assert from "node:assert/strict";
import { DEFAULT_POLICY } from "../policy.ts";
import { policyRefusal } from "./policy_refusal.ts";

Deno.test("policyRefusal() says what the library does not have", () => {
  assert.equal(policyRefusal(DEFAULT_POLICY), undefined);
  assert.equal(policyRefusal({ ...DEFAULT_POLICY, groups: ["x448", "secp521r1"] }), undefined);
  assert.equal(policyRefusal({ ...DEFAULT_POLICY, groups: ["x25519", "x25519"] }), undefined);
  const refusalOf = (...groups: readonly string[]) =>
    policyRefusal({ ...DEFAULT_POLICY, groups }) ?? "";
  assert.match(
    refusalOf("x25519", "nonsense"),
    /^OpenSSL 3[\d.]+ does not have the group nonsense$/,
  );
  assert.match(
    refusalOf("nonsense", "x448", "more"),
    /^OpenSSL 3[\d.]+ does not have the groups nonsense, more$/,
  );
  const suites13 = ["TLS_AES_128_GCM_SHA256"];
  assert.equal(
    policyRefusal({ ...DEFAULT_POLICY, minVersion: "TLSv1.3", ciphers: suites13 }),
    undefined,
  );
  assert.equal(
    policyRefusal({
      ...DEFAULT_POLICY,
      minVersion: "TLSv1.3",
      ciphers: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    }),
    "no version of TLS is left",
  );
});
