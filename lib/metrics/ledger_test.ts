import assert from "node:assert/strict";
import fc from "fast-check";
import { sourcePrefix } from "../core/source_prefix.ts";
import { ProxyError } from "../core/errors.ts";
import { HandshakeLedger } from "./ledger.ts";
import { TopCounts } from "./top_counts.ts";

Deno.test("sourcePrefix() gives /24 and /48, and knows IPv4 in IPv6", () => {
  const cases = {
    "10.1.2.3": "10.1.2.0/24",
    "::ffff:10.1.2.3": "10.1.2.0/24",
    "2001:db8:1:2::3": "2001:db8:1::/48",
    "2001:db8::1": "2001:db8::/48",
    "2001:db8:0:0:0:0:0:1": "2001:db8::/48",
    "fe80::1%eth0": "fe80::/48",
    "::1": "::/48",
    "1::": "1::/48",
    "a:b:c:d:e:f:1.2.3.4": "a:b:c::/48",
    "unix": "unknown",
    "": "unknown",
  };
  for (const [host, prefix] of Object.entries(cases)) {
    assert.equal(sourcePrefix(host), prefix, host);
  }
});

Deno.test("TopCounts keeps what is frequent, in bounded memory", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 300 }), (keys) => {
    const counts = new TopCounts(10);
    for (const key of keys) counts.add(String(key));
    const top = counts.top();
    assert.ok(top.length <= 10);
    assert.equal(top.reduce((sum, { count }) => sum + count, 0), keys.length);
    for (const { key, count, over } of top) {
      const real = keys.filter((other) => String(other) === key).length;
      assert.ok(real <= count && count - over <= real);
    }
    for (const key of new Set(keys)) {
      const real = keys.filter((other) => other === key).length;
      const kept = top.some((entry) => entry.key === String(key));
      if (real > keys.length / 10) assert.ok(kept, `${key} is ${real} of ${keys.length}`);
    }
  }));
});

Deno.test("HandshakeLedger counts by reason, name and source, whatever strangers send", () => {
  const ledger = new HandshakeLedger();
  const fail = (host: string, sni: string | undefined, code: "plain_http" | "unknown_name") =>
    ledger.add({
      kind: "handshake_failed",
      peer: { host, port: 1 },
      sni,
      error: new ProxyError(code, "no"),
    });
  for (let i = 0; i < 300; i++) fail("10.0.0.1", "busy.test", "unknown_name");
  for (let i = 0; i < 2000; i++) fail(`10.${i >> 8}.${i & 255}.1`, `${i}.test`, "unknown_name");
  fail("::1", undefined, "plain_http");
  const { total, reasons, names, sources, rows } = ledger.report();
  assert.equal(total, 2301);
  assert.deepEqual(reasons, [
    { reason: "unknown_name", count: 2300 },
    { reason: "plain_http", count: 1 },
  ]);
  assert.equal(names[0]?.sni, "busy.test");
  assert.equal(sources[0]?.source, "10.0.0.0/24");
  assert.deepEqual([rows[0]?.reason, rows[0]?.sni], ["unknown_name", "busy.test"]);
  assert.ok(rows.length <= 20 && names.length <= 20 && sources.length <= 20);
});
