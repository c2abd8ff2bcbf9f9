import assert from "node:assert/strict";
import { bytesInTurn, parseH2load, parseH2loadLog } from "./h2load.ts";

const OUTPUT = `starting benchmark...
spawning thread #0: 16 total client(s). 2000 total requests
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Application protocol: h2
progress: 100% done

finished in 47.26ms, 42319.98 req/s, 51.01MB/s
requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1999 2xx, 0 3xx, 1 4xx, 0 5xx
traffic: 2.41MB (2528000) total, 369.14KB (378000) headers (space savings 0.00%), 1.95MB (2048000) data
                     min         max         mean         sd        +/- sd
`;

Deno.test("parseH2load() reads the summary", () => {
  const expected = { tls: "TLSv1.3", protocol: "h2", ok: 1999, bytes: 2_048_000 };
  assert.deepEqual(parseH2load(OUTPUT), expected);
});

Deno.test("parseH2load() finds nothing in an output of failure", () => {
  const nothing = { tls: "none", protocol: "none", ok: 0, bytes: 0 };
  assert.deepEqual(parseH2load("connect: Connection refused\n"), nothing);
});

Deno.test("bytesInTurn() counts what each connection asks for in turn", () => {
  assert.equal(bytesInTurn([5], { requests: 7, connections: 3 }), 35);
  // of 7 requests one connection has three, two have two
  assert.equal(bytesInTurn([1, 10, 100], { requests: 7, connections: 3 }), 111 + 11 + 11);
});

Deno.test("parseH2loadLog() gives when each request began and what it took", () => {
  const log = "1700000000000000\t200\t850\n1700000000000900\t200\t12000\n\n";
  assert.deepEqual(parseH2loadLog(log), [
    { began: 1_700_000_000_000, took: 0.85 },
    { began: 1_700_000_000_000.9, took: 12 },
  ]);
});
