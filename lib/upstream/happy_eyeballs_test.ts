import assert from "node:assert/strict";
import { within } from "../../tests/support/deadline.ts";
import { interleaveFamilies, race } from "./happy_eyeballs.ts";

const ORDERS: readonly [given: string, tried: string][] = [
  ["", ""],
  ["4a", "4a"],
  ["6a 6b 4a 4b", "6a 4a 6b 4b"],
  ["4a 4b 4c 6a", "4a 6a 4b 4c"],
  ["6a 4a 4b 4c", "6a 4a 4b 4c"],
  ["4a 6a 4b 6b", "4a 6a 4b 6b"],
];

Deno.test("interleaveFamilies() lets families take turns (RFC 8305 4)", () => {
  for (const [given, tried] of ORDERS) {
    const addresses = given.split(" ").filter(Boolean).map((address) => ({
      address,
      family: address.startsWith("6") ? 6 as const : 4 as const,
    }));
    assert.equal(interleaveFamilies(addresses).map(({ address }) => address).join(" "), tried);
  }
});

/** Connects that the test settles, and in which order they began. */
function scene(targets: readonly string[], delay: number) {
  const begun: string[] = [];
  const discarded: string[] = [];
  const aborted: string[] = [];
  const settle = new Map<string, PromiseWithResolvers<string>>();
  const abort = new AbortController();
  const won = race<string, string>({
    targets,
    delay,
    signal: abort.signal,
    discard: (name) => discarded.push(name),
    connect: (target, signal) => {
      begun.push(target);
      const one = Promise.withResolvers<string>();
      settle.set(target, one);
      signal.addEventListener("abort", () => {
        aborted.push(target);
        one.reject(new Error(`${target} aborted`));
      });
      return one.promise;
    },
  });
  won.catch(() => {});
  return { abort, aborted, begun, discarded, settle, won: within(won, "the race") };
}

const NEVER = 1e6;

Deno.test("race() takes the first that succeeds, and stops the others", async () => {
  const { aborted, begun, settle, won } = scene(["a", "b", "c"], 5);
  while (begun.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  settle.get("b")?.resolve("B");
  assert.equal(await won, "B");
  assert.ok(aborted.includes("a") && aborted.includes("c"));
});

Deno.test("race() begins the next at once when one fails", async () => {
  const { begun, settle, won } = scene(["a", "b"], NEVER);
  assert.deepEqual(begun, ["a"]);
  settle.get("a")?.reject(new Error("refused"));
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(begun, ["a", "b"]);
  settle.get("b")?.resolve("B");
  assert.equal(await won, "B");
});

Deno.test("race() fails with the first failure when all fail", async () => {
  const { begun, settle, won } = scene(["a", "b"], NEVER);
  settle.get("a")?.reject(new Error("a failed"));
  while (begun.length < 2) await Promise.resolve();
  settle.get("b")?.reject(new Error("b failed"));
  await assert.rejects(won, /a failed/);
});

Deno.test("race() ends when it is told to", async () => {
  const { abort, begun, won } = scene(["a", "b"], NEVER);
  abort.abort();
  await assert.rejects(won, /a aborted/);
  assert.deepEqual(begun, ["a"]);
});

Deno.test("race() frees what is won too late", async () => {
  const late = Promise.withResolvers<string>();
  const discarded: string[] = [];
  const won = await race<string, string>({
    targets: ["slow", "fast"],
    delay: 1,
    signal: new AbortController().signal,
    discard: (name) => discarded.push(name),
    connect: (target) => target === "slow" ? late.promise : Promise.resolve(target),
  });
  late.resolve("slow");
  await late.promise;
  await Promise.resolve();
  assert.deepEqual([won, discarded], ["fast", ["slow"]]);
});
