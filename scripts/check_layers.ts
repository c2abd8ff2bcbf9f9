/**
 * Checks that imports go downward only: `deno task layers`.
 *
 * The layers are the folders of `lib/`, and `lib/app.ts` is one of its own. `*_test.ts` files are
 * exempt: a test may reach for whatever it needs.
 */

import { type Import, readGraph } from "./module_graph.ts";

/** One import or use that breaks the order. */
export interface Violation {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
}

/**
 * Every violation in these sources, by path (`lib/core/errors.ts`).
 *
 * @param root where the paths start from
 */
export async function checkLayers(
  root: string,
  sources: ReadonlyMap<string, string>,
): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  const files = [...sources.keys()].filter((file) => !file.endsWith("_test.ts"));
  const graph = await readGraph(root, files);
  for (const [file, imports] of graph) {
    const layer = layerOf(file);
    if (layer === undefined) {
      violations.push({ file, line: 1, message: `${file} is in no known layer` });
      continue;
    }
    for (const found of imports) {
      const message = whyNot(layer, found);
      if (message !== undefined) violations.push({ file, line: found.line, message });
    }
    const pure = PURE.get(layer);
    if (pure !== undefined) {
      violations.push(...findRuntimeUses(file, sources.get(file) ?? "", { layer, ...pure }));
    }
  }
  return [...violations, ...findCycles(graph)];
}

type Layer = keyof typeof MAY_IMPORT;

/** What every layer that wires others may import. */
const BELOW = [
  "cluster",
  "acme",
  "http1",
  "http2",
  "http",
  "tls",
  "certificates",
  "ports",
  "metrics",
  "log",
  "io",
  "core",
] as const;

/** What each layer may import besides itself; no folder of `lib/` is missing here. */
const MAY_IMPORT = {
  main: ["cli"],
  cli: [
    "workers",
    "app",
    "control",
    "config",
    "permissions",
    "proxy",
    "upstream",
    "admin",
    ...BELOW,
  ],
  workers: ["app", "control", "proxy", "upstream", ...BELOW],
  app: ["control", "config", "permissions", "proxy", "upstream", ...BELOW],
  control: ["config", "permissions", "proxy", "upstream", "admin", ...BELOW],
  permissions: ["config", "core"],
  config: ["acme", "tls", "http", "core"],
  proxy: [
    "upstream",
    "acme",
    "http1",
    "http2",
    "http",
    "tls",
    "certificates",
    "ports",
    "io",
    "core",
  ],
  upstream: ["http1", "http2", "http", "tls", "ports", "io", "core"],
  admin: ["metrics", "http1", "http", "io", "ports", "core"],
  metrics: ["log", "core"],
  log: ["io", "core"],
  tls: ["certificates", "ports", "io", "core"],
  cluster: ["acme", "core"],
  acme: ["certificates", "io", "core"],
  ports: ["io", "core"],
  certificates: ["io", "core"],
  http1: ["http", "io", "core"],
  http2: ["http", "io", "core"],
  http: ["core"],
  io: ["core"],
  core: [],
} as const satisfies Record<string, readonly string[]>;

/**
 * Layers without I/O, with what they may not mention: the graph tells imports and no globals. In
 * `permissions` types of Deno are fine.
 */
const PURE: ReadonlyMap<Layer, { readonly uses: RegExp }> = new Map([
  ["http", { uses: /\bDeno\./ }],
  ["http1", { uses: /\bDeno\./ }],
  ["http2", { uses: /\bDeno\./ }],
  ["permissions", { uses: /\bDeno\.[a-z]/ }],
]);

function layerOf(file: string): Layer | undefined {
  if (file === "main.ts") return "main";
  if (file === "lib/app.ts") return "app";
  const folder = /^lib\/([^/]+)\//.exec(file)?.[1];
  return folder !== undefined && Object.hasOwn(MAY_IMPORT, folder) ? folder as Layer : undefined;
}

function whyNot(layer: Layer, { specifier, target, typeOnly }: Import): string | undefined {
  if (target === undefined) {
    return PURE.has(layer) && specifier.startsWith("node:")
      ? `${layer} is without I/O and may not import ${specifier}`
      : undefined;
  }
  if (!/\.(ts|json|html)$/.test(target)) return `"${specifier}" does not name the file (.ts)`;
  if (/\.(json|html)$/.test(target)) return undefined;
  if (target.endsWith("_test.ts")) return `"${specifier}" is a test`;
  const other = layerOf(target);
  if (other === undefined) return `"${specifier}" is in no known layer`;
  if (other === layer) return undefined;
  const allowed: readonly Layer[] = MAY_IMPORT[layer];
  if (!allowed.includes(other)) return `${layer} may not import ${other} (${target})`;
  if (layer === "config" && other === "tls" && !typeOnly) {
    return `config may import only types of tls (${target})`;
  }
  return undefined;
}

function findRuntimeUses(
  file: string,
  source: string,
  { layer, uses }: { layer: Layer; uses: RegExp },
): readonly Violation[] {
  return source.split("\n").flatMap((text, index) =>
    !/^\s*(?:\/\/|\/?\*)/.test(text) && uses.test(text)
      ? [{ file, line: index + 1, message: `${layer} is without I/O and may not use Deno` }]
      : []
  );
}

/** One violation for each import that closes a cycle; an import of a type counts as any other. */
function findCycles(graph: ReadonlyMap<string, readonly Import[]>): readonly Violation[] {
  const violations: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];

  function visit(file: string): void {
    path.push(file);
    for (const { target, line } of graph.get(file) ?? []) {
      if (target === undefined || done.has(target)) continue;
      const start = path.indexOf(target);
      if (start === -1) {
        visit(target);
      } else {
        const cycle = [...path.slice(start), target].join(" -> ");
        violations.push({ file, line, message: `import cycle: ${cycle}` });
      }
    }
    path.pop();
    done.add(file);
  }

  for (const file of graph.keys()) if (!done.has(file)) visit(file);
  return violations;
}

async function readSources(): Promise<ReadonlyMap<string, string>> {
  const sources = new Map([["main.ts", await Deno.readTextFile("main.ts")]]);
  await readFolder("lib", sources);
  return sources;
}

async function readFolder(folder: string, sources: Map<string, string>): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await readFolder(path, sources);
    else if (name.endsWith(".ts")) sources.set(path, await Deno.readTextFile(path));
  }
}

if (import.meta.main) {
  const sources = await readSources();
  const violations = await checkLayers(Deno.cwd(), sources);
  const lines = violations.map(({ file, line, message }) => `${file}:${line}: ${message}`);
  if (lines.length === 0) {
    const count = [...sources.keys()].filter((file) => !file.endsWith("_test.ts")).length;
    lines.push(`layers: ${count} files, in order`);
  }
  await new Blob([`${lines.join("\n")}\n`]).stream().pipeTo(Deno.stdout.writable);
  Deno.exit(violations.length === 0 ? 0 : 1);
}
