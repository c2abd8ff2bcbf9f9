import assert from "node:assert/strict";
import { paperCertificate } from "../../tests/support/loaded_config.ts";
import type { ProxyEvent } from "../core/event.ts";
import { ExpiryWatch } from "./expiry.ts";

const END = new Date("2030-06-01T12:00:00Z");
const HOUR_MS = 3_600_000;
const certificate = paperCertificate(["a.test"], { notAfter: END });

function daysBefore(days: number): Date {
  return new Date(END.getTime() - days * 24 * HOUR_MS);
}

/** The days left at which it warned. */
function watching(): { expiry: ExpiryWatch; warned: number[]; events: ProxyEvent[] } {
  const warned: number[] = [];
  const events: ProxyEvent[] = [];
  const expiry = new ExpiryWatch((event) => {
    events.push(event);
    if (event.kind === "certificate_expiring") warned.push(event.days);
  });
  return { expiry, warned, events };
}

Deno.test("look() warns once each at 30, 14, 7, 3, 1 and 0 days", () => {
  const { expiry, warned, events } = watching();
  using _expiry = expiry;
  expiry.watch([certificate], daysBefore(40));
  for (let hours = 40 * 24; hours >= -48; hours--) expiry.look(daysBefore(hours / 24));
  assert.deepEqual(warned, [30, 14, 7, 3, 1, 0]);
  assert.deepEqual(events[0], {
    kind: "certificate_expiring",
    certificate: "a.test.crt",
    notAfter: END,
    days: 30,
  });
});

Deno.test("look() warns of a certificate that lives for days at a third of its life", () => {
  const lives: readonly [days: number, warned: readonly number[]][] = [
    [90, [30, 14, 7, 3, 1, 0]],
    [60, [30, 14, 7, 3, 1, 0]],
    [45, [15, 14, 7, 3, 1, 0]],
    [30, [10, 7, 3, 1, 0]],
    [6, [2, 1, 0]],
    [3, [1, 0]],
  ];
  for (const [life, expected] of lives) {
    const { expiry, warned } = watching();
    using _expiry = expiry;
    expiry.watch(
      [paperCertificate(["a.test"], { notBefore: daysBefore(life), notAfter: END })],
      daysBefore(life),
    );
    for (let hours = life * 24; hours >= -1; hours--) expiry.look(daysBefore(hours / 24));
    assert.deepEqual(warned, expected, `${life} days`);
  }
});

Deno.test("watch() warns at once, and only of the nearest, when days have passed unseen", () => {
  const { expiry, warned } = watching();
  using _expiry = expiry;
  expiry.watch([certificate], daysBefore(2));
  assert.deepEqual(warned, [2]);
  expiry.look(daysBefore(1.5));
  assert.deepEqual(warned, [2]);
  expiry.look(daysBefore(-1));
  assert.deepEqual(warned, [2, -1]);
});

Deno.test("watch() says nothing again of what stays, and forgets what has gone", () => {
  const { expiry, warned } = watching();
  using _expiry = expiry;
  const renewed = paperCertificate(["a.test"], {
    fingerprint: "renewed",
    notAfter: new Date(END.getTime() + 90 * 24 * HOUR_MS),
  });
  expiry.watch([certificate], daysBefore(5));
  expiry.watch([certificate, renewed], daysBefore(5));
  assert.deepEqual(warned, [5]);
  expiry.watch([renewed], daysBefore(5));
  expiry.watch([certificate], daysBefore(5));
  assert.deepEqual(warned, [5, 5]);
});
