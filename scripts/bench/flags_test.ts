import assert from "node:assert/strict";
import { parseFlags } from "./flags.ts";

Deno.test("parseFlags() has amounts for a whole run, and smaller ones for a quick one", () => {
  assert.deepEqual(parseFlags([]), {
    ...{ rounds: 5, requests: 24_000, idleConnections: 10_000 },
    ...{ write: false, only: [] },
  });
  assert.deepEqual(parseFlags(["--quick", "--only", "haproxy,1k"]), {
    ...{ rounds: 1, requests: 2_000, idleConnections: 200 },
    ...{ write: false, only: ["haproxy", "1k"] },
  });
  assert.equal(parseFlags(["--help"]), "help");
});

Deno.test("parseFlags() takes requests in thousands, so that tenths of parts are whole", () => {
  for (const [given, requests] of [["1", 1_000], ["1000", 1_000], ["1001", 2_000]] as const) {
    const plan = parseFlags(["--requests", given]);
    assert.ok(plan !== "help" && plan.requests === requests, given);
  }
});

Deno.test("parseFlags() refuses what is no number, and to publish parts of rows", () => {
  for (
    const [args, message] of [
      [["--rounds", "0"], /^--rounds 0: not a number above 0$/],
      [["--requests", "many"], /^--requests many: not a number above 0$/],
      [["--write", "--quick"], /only shows that it works/],
      [["--write", "--only", "1k,haproxy"], /--only haproxy: a row is published with all/],
    ] as const
  ) {
    assert.throws(() => parseFlags(args), (error: Error) => message.test(error.message));
  }
  const plan = parseFlags(["--write", "--only", "1k,idle"]);
  assert.ok(plan !== "help" && plan.write);
});
