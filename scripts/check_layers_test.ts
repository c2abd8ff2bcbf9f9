import assert from "node:assert/strict";
import { checkLayers } from "./check_layers.ts";

const ORDERLY: Readonly<Record<string, string>> = {
  "main.ts": 'import { runCli } from "./lib/cli/cli.ts";',
  "lib/cli/cli.ts": 'import manifest from "../../deno.json" with { type: "json" };\n' +
    'import { startApp } from "../app.ts";\nimport { parse } from "../config/parse.ts";',
  "lib/app.ts": 'import type { Config } from "./config/config.ts";\nimport "./proxy/listener.ts";',
  "lib/config/config.ts": 'import type { EngineName } from "../tls/engine.ts";',
  "lib/config/parse.ts": 'import { Document } from "yaml";\nimport "../core/errors.ts";',
  "lib/permissions/grants.ts": 'import type { Config } from "../config/config.ts";',
  "lib/proxy/listener.ts": 'import {\n  a,\n  type B,\n} from "../upstream/pool.ts";',
  "lib/upstream/pool.ts": 'export { head } from "../http1/head.ts";',
  "lib/http1/head.ts": '// Deno.open and import("../tls/engine.ts") stand in a comment\n' +
    'import { ProxyError } from "../core/errors.ts";',
  "lib/http1/head_test.ts": 'import "../tls/engine.ts";\nDeno.test("head", () => {});',
  "lib/tls/engine.ts": 'import net from "node:net";\nimport type { A } from "../core/errors.ts";',
  "lib/log/log.ts": "const x = Deno.stdout;",
  "lib/core/errors.ts": "export class ProxyError extends Error {}",
};

Deno.test("checkLayers() finds nothing where imports go downward", async () => {
  assert.deepEqual(await check({}), []);
});

const VIOLATIONS: readonly [why: string, files: Record<string, string>, expected: string[]][] = [
  ["upward", { "lib/core/errors.ts": '\nimport type { A } from "../tls/engine.ts";' }, [
    "lib/core/errors.ts:2: core may not import tls (lib/tls/engine.ts)",
    "lib/core/errors.ts:2: import cycle: " +
    "lib/tls/engine.ts -> lib/core/errors.ts -> lib/tls/engine.ts",
  ]],
  ["sideways", { "lib/tls/engine.ts": 'import "../log/log.ts";' }, [
    "lib/tls/engine.ts:1: tls may not import log (lib/log/log.ts)",
  ]],
  ["config from proxy", {
    "lib/proxy/listener.ts": 'import {\n  type A,\n} from "../config/config.ts";',
  }, ["lib/proxy/listener.ts:3: proxy may not import config (lib/config/config.ts)"]],
  ["more than types of tls", {
    "lib/config/parse.ts": 'import { x } from "../tls/engine.ts";',
  }, ["lib/config/parse.ts:1: config may import only types of tls (lib/tls/engine.ts)"]],
  ["export from", { "lib/tls/engine.ts": 'export * from "../http1/head.ts";' }, [
    "lib/tls/engine.ts:1: tls may not import http1 (lib/http1/head.ts)",
  ]],
  ["dynamic import", {
    "lib/tls/engine.ts": '\n\nconst x = await import("../http1/head.ts");',
  }, ["lib/tls/engine.ts:3: tls may not import http1 (lib/http1/head.ts)"]],
  ["I/O in http1", {
    "lib/http1/head.ts": 'import { Buffer } from "node:buffer";\nconst x = Deno.stdout;',
  }, [
    "lib/http1/head.ts:1: http1 is without I/O and may not import node:buffer",
    "lib/http1/head.ts:2: http1 is without I/O and may not use Deno",
  ]],
  ["I/O in permissions", {
    "lib/permissions/grants.ts": "type A = Deno.PermissionDescriptor;\nconst x = Deno.cwd();",
  }, ["lib/permissions/grants.ts:2: permissions is without I/O and may not use Deno"]],
  ["permissions from proxy", {
    "lib/proxy/listener.ts": 'import type { A } from "../permissions/grants.ts";',
  }, ["lib/proxy/listener.ts:1: proxy may not import permissions (lib/permissions/grants.ts)"]],
  ["no file name", { "lib/tls/engine.ts": 'import "../core/errors";' }, [
    'lib/tls/engine.ts:1: "../core/errors" does not name the file (.ts)',
  ]],
  ["an import of a test", { "lib/tls/engine.ts": 'import "../http1/head_test.ts";' }, [
    'lib/tls/engine.ts:1: "../http1/head_test.ts" is a test',
  ]],
  ["an unknown folder", { "lib/utils/x.ts": "export const x = 1;" }, [
    "lib/utils/x.ts:1: lib/utils/x.ts is in no known layer",
  ]],
  ["a cycle in a layer", {
    "lib/core/a.ts": 'import { b } from "./b.ts";',
    "lib/core/b.ts": 'import { c } from "./c.ts";',
    "lib/core/c.ts": 'import type { a } from "./a.ts";',
  }, [
    "lib/core/c.ts:1: import cycle: " +
    "lib/core/a.ts -> lib/core/b.ts -> lib/core/c.ts -> lib/core/a.ts",
  ]],
];

Deno.test("checkLayers() names file, line and reason of each violation", async () => {
  for (const [why, files, expected] of VIOLATIONS) {
    assert.deepEqual(await check(files), expected, why);
  }
});

/** Of a program with these files beside, or in the place of, those that are in order. */
async function check(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const sources = new Map(Object.entries({ ...ORDERLY, ...files }));
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "tls-proxy-layers-" }));
  try {
    for (const [path, text] of [...sources, ["deno.json", "{}"] as const]) {
      await Deno.mkdir(`${folder}/${path.slice(0, path.lastIndexOf("/") + 1)}`, {
        recursive: true,
      });
      await Deno.writeTextFile(`${folder}/${path}`, text);
    }
    const violations = await checkLayers(folder, sources);
    return violations.map(({ file, line, message }) => `${file}:${line}: ${message}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
