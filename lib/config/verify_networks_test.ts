import assert from "node:assert/strict";
import { parseConfig } from "./parse.ts";
import { verifyConfig } from "./verify.ts";

Deno.test("verifyConfig() warns of networks that are wider than they look", () => {
  const text = `listeners: [{ listen: ":1", tls: false, proxy_protocol: { from: [10.0.0.1/31] } }]
backends: { a: { servers: ["dns:h:1"], dns: { networks: [10.0.0.0/8, 10.0.0.9/24] } } }
routes: [{ backend: a, allow: [10.1.0.0/8, 10.1.0.0/16, 10.1.2.3, 10.1.2.3/32], deny: ["2001:db8::1/32"] }]
forwarded: { trusted: ["2001:DB8:0::/32", "::1", "192.168.1.0/16"] }
`;
  const file = parseConfig({ path: "p.yaml", text });
  assert.ok(file.config !== undefined);
  const found = verifyConfig(file.config, file).map((
    { severity, place: { line, column }, message },
  ) => `${line}:${column}: ${severity} ${message}`);
  const way = "write that, or what is meant";
  assert.deepEqual(found, [
    `1:66: warning 10.0.0.1/31 is all of 10.0.0.0/31: ${way}`,
    `2:70: warning 10.0.0.9/24 is all of 10.0.0.0/24: ${way}`,
    `3:32: warning 10.1.0.0/8 is all of 10.0.0.0/8: ${way}`,
    `3:88: warning 2001:db8::1/32 is all of 2001:db8::/32: ${way}`,
    `4:50: warning 192.168.1.0/16 is all of 192.168.0.0/16: ${way}`,
  ]);
});
