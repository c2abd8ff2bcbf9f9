import assert from "node:assert/strict";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { ChallengeBoard } from "./challenges.ts";
import type { CertificateState, Keeper } from "./keeper.ts";
import { CertificateManager } from "./manager.ts";

const HOUR_MS = 3_600_000;

Deno.test("CertificateManager notices within a minute that the clock was set", async () => {
  using time = new FakeTime();
  const started = Date.UTC(2026, 0, 1);
  let now = started;
  const asked: number[] = [];
  using manager = new CertificateManager({
    store: emptyStore({ failures: 1, notBefore: now + 10 * HOUR_MS, reason: "refused" }),
    board: new ChallengeBoard(() => Promise.resolve()),
    objection: () => {
      asked.push(now);
      return Promise.resolve("not from here");
    },
    onObtained: () => Promise.resolve(),
    tell: () => {},
    now: () => now,
  });
  manager.manage(SETTINGS, [["www.example.test"]]);
  await manager.idle;
  await time.pass(10 * 60_000);
  assert.deepEqual(asked, []);

  // as by NTP behind a start, or while the machine slept: for timers no time has gone by
  now = started + 11 * HOUR_MS;
  await time.pass(60_000);
  await manager.idle;
  assert.deepEqual(asked, [now]);
});

const SETTINGS = {
  directory: "https://ca.test/directory",
  email: undefined,
  keyType: "ecdsa",
  ca: undefined,
  binding: undefined,
  challenges: ["http-01"],
  renewBefore: undefined,
} as const;

/** One with nothing in it but what is known of each certificate. */
function emptyStore(state: CertificateState): Keeper {
  const nothing = () => Promise.resolve(undefined);
  const done = () => Promise.resolve();
  return {
    account: nothing,
    saveAccount: done,
    certificate: nothing,
    saveCertificate: done,
    state: () => Promise.resolve(state),
    saveState: done,
    order: nothing,
    saveOrder: done,
    exclusively: async (action) => {
      await action();
      return true;
    },
  };
}
