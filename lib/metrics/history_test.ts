import assert from "node:assert/strict";
import { History } from "./history.ts";
import type { BackendStatus } from "./status.ts";

const TOTALS = {
  open: 3,
  requests: 0,
  failures: 0,
  latency: { bounds: [1], counts: new Float64Array(2) },
  ledger: { total: 0, reasons: [], names: [], sources: [], rows: [] },
  probes: 0,
};

Deno.test("History keeps five minutes, and of the last one how each server was", () => {
  const history = new History(() => TOTALS);
  const backends: BackendStatus[] = [{
    name: "a",
    servers: [{
      name: "b:1",
      state: "up",
      since: undefined,
      lastFailure: undefined,
      load: 0,
      idleConnections: 0,
    }],
  }];
  for (let second = 0; second < 400; second++) {
    const { servers } = history.sample(new Date(second * 1000), { backends });
    assert.deepEqual(servers, { "a b:1": "up" });
  }
  const { samples } = history;
  assert.equal(samples.length, 300);
  assert.equal(samples.at(-1)?.time, "1970-01-01T00:06:39.000Z");
  assert.deepEqual(samples.filter(({ servers }) => "a b:1" in servers), samples.slice(-60));
});
