import assert from "node:assert/strict";
import { parseWrk } from "./wrk.ts";

const OUTPUT = `  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.10ms    1.20ms  40.51ms   91.02%
    Req/Sec    20.53k     1.03k   21.63k    75.00%
  81721 requests in 4.00s, 97.11MB read
`;

Deno.test("parseWrk() reads requests and bytes", () => {
  assert.deepEqual(parseWrk(OUTPUT), { requests: 81_721, bytes: 97.11 * 1024 * 1024 });
  assert.equal(parseWrk(OUTPUT.replace("97.11MB", "870.00B")).bytes, 870);
});

Deno.test("parseWrk() finds nothing in an output of failure", () => {
  assert.deepEqual(parseWrk("unable to connect"), { requests: 0, bytes: 0 });
});
