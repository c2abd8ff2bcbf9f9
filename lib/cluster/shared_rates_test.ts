import assert from "node:assert/strict";
import { within } from "../../tests/support/deadline.ts";
import type { Taken } from "../core/rate_log.ts";
import { decodeRates, encodeRates, newSender } from "./rate_message.ts";
import { RedisDown } from "./redis.ts";
import { SharedRates } from "./shared_rates.ts";

const ONE: Taken = { key: 7n, sum: 100n, alone: 0n };

/** A Redis and a table, with what comes to each. */
class Ends {
  isUp = true;
  readonly published: string[] = [];
  readonly added: Taken[] = [];
  /** What there is to tell. */
  taken: Taken[] = [ONE];
  fails = false;
  looks = 0;
  hear: (message: string) => void = () => {};
  #looked = Promise.withResolvers<void>();

  subscribe(_channel: string, listener: (message: string) => void): void {
    this.hear = listener;
  }

  publish(_channel: string, message: string): Promise<number> {
    this.published.push(message);
    return this.fails ? Promise.reject(new RedisDown("It is away")) : Promise.resolve(2);
  }

  news(): Taken[] {
    this.looks++;
    this.#looked.resolve();
    this.#looked = Promise.withResolvers();
    return this.taken;
  }

  add(taken: Taken): void {
    this.added.push(taken);
  }

  /** Waits until it was asked so often for what there is to tell. */
  async looked(times: number): Promise<void> {
    for (const end = this.looks + times; this.looks < end;) {
      await within(this.#looked.promise, "an exchange");
    }
  }
}

Deno.test("SharedRates tells what was taken, and takes what others tell", async () => {
  const ends = new Ends();
  using _rates = new SharedRates(ends, ends);
  await ends.looked(2);
  const [message = ""] = ends.published;
  const told = decodeRates(Uint8Array.fromBase64(message), 0n);
  assert.deepEqual(told?.taken.map(({ key, sum }) => [key, sum]), [[7n, 100n]]);
  // its own comes back to it
  ends.hear(message);
  for (const text of ["", "?", "AAAA"]) ends.hear(text);
  assert.deepEqual(ends.added, []);
  ends.hear(encodeRates({ sender: newSender(), taken: [ONE] }, 0n).toBase64());
  assert.deepEqual(ends.added.map(({ key }) => key), [7n]);
});

Deno.test("SharedRates tells nothing where there is nothing, or nobody to tell, nor later", async () => {
  const ends = new Ends();
  ends.isUp = false;
  using _rates = new SharedRates(ends, ends);
  await ends.looked(2);
  ends.taken = [];
  ends.isUp = true;
  await ends.looked(2);
  assert.deepEqual(ends.published, []);
});

Deno.test("SharedRates goes on where Redis fails", async () => {
  const ends = new Ends();
  ends.fails = true;
  using _rates = new SharedRates(ends, ends);
  await ends.looked(3);
  assert.ok(ends.published.length >= 2);
});
