import assert from "node:assert/strict";
import type { PendingChallenges } from "../acme/challenges.ts";
import { SharedChallenges } from "./shared_challenges.ts";

const PENDING = "acme:pending";
const TAKEN = "acme:taken";

/** Challenges of one replica, which hears what is said on a channel. */
function sharing() {
  const served: PendingChallenges[] = [];
  const said: string[] = [];
  const listeners = new Map<string, (message: string) => void>();
  const redis = {
    publish: (channel: string) => Promise.resolve(said.push(channel)),
    subscribe: (channel: string, listener: (message: string) => void) =>
      void listeners.set(channel, listener),
    onArrival: () => {},
  };
  const shared = new SharedChallenges(redis, (pending) => {
    served.push(pending);
    return Promise.resolve();
  });
  const hear = async (channel: string, message: string) => {
    listeners.get(channel)?.(message);
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { shared, served, said, hear };
}

Deno.test("SharedChallenges has what others tell answered here, and says so", async () => {
  const { served, said, hear } = sharing();
  const pending = {
    tokens: { token: "answer" },
    certificates: { "a.test": { chain: "a chain", key: "a key" } },
  };
  await hear(PENDING, JSON.stringify({ from: "another", number: 1, pending }));
  assert.deepEqual(served, [pending]);
  assert.deepEqual(said, [TAKEN]);
});

Deno.test("SharedChallenges takes nothing that is no message", async () => {
  const { served, said, hear } = sharing();
  const none = { tokens: {}, certificates: {} };
  const messages: unknown[] = [
    ...[null, 1, "text", [], {}],
    { from: "another", number: 1 },
    { from: "another", number: 1, pending: null },
    { from: "another", number: 1, pending: { tokens: {} } },
    { from: "another", number: 1, pending: { ...none, tokens: { token: 1 } } },
    { from: "another", number: 1, pending: { ...none, certificates: { "a.test": null } } },
    { from: "another", number: 1, pending: { ...none, certificates: { "a.test": { key: 1 } } } },
    { from: 1, number: 1, pending: none },
    { from: "another", number: "1", pending: none },
  ];
  for (const message of ["", "{", ...messages.map((message) => JSON.stringify(message))]) {
    await hear(PENDING, message);
    await hear(TAKEN, message);
  }
  assert.deepEqual(served, []);
  assert.deepEqual(said, []);
});
