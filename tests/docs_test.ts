import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { AcmeStore } from "../lib/acme/store.ts";
import { parseConfig } from "../lib/config/parse.ts";
import { ProxyError } from "../lib/core/errors.ts";
import type { ProxyEvent } from "../lib/core/event.ts";
import { formatJson } from "../lib/log/json_format.ts";
import { PEER } from "./support/events.ts";
import { runOk } from "./support/tools.ts";

const ROOT = new URL("../", import.meta.url);
const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...[...Deno.readDirSync(new URL("docs", ROOT))].map(({ name }) => `docs/${name}`)
    .filter((name) => name.endsWith(".md")),
];

Deno.test("every link in the documentation leads somewhere", async () => {
  let links = 0;
  for (const page of PAGES) {
    for (const target of linksOf(await read(page))) {
      if (/^[a-z]+:/.test(target)) continue;
      links++;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      const there = await Deno.stat(new URL(file, ROOT)).then(() => true, () => false);
      assert.ok(there, `${page} links to ${target}`);
      if (anchor === undefined) continue;
      const anchors = [...(await read(file)).matchAll(/^#+ (.+)$/gm)].map(([, text]) => slug(text));
      assert.ok(anchors.includes(anchor), `${page} links to ${target}`);
    }
  }
  assert.ok(links > 20, "links were found");
});

Deno.test("every page of docs/ can be reached from the README", async () => {
  const linked = linksOf(await read("README.md"));
  for (const page of PAGES.filter((page) => page.startsWith("docs/"))) {
    assert.ok(linked.includes(page), page);
  }
});

Deno.test("ARCHITECTURE.md has every folder of the program in its layers", async () => {
  const page = await read("ARCHITECTURE.md");
  const [, layers = ""] = /^## Layers\n[^]*?```text\n([^]*?)```/m.exec(page) ?? [];
  const shown = layers.split("\n").flatMap((line) => line.slice(0, 27).match(/\w+/g) ?? []);
  const there = [...Deno.readDirSync(new URL("lib", ROOT))].map(({ name }) => name.split(".")[0]);
  assert.deepEqual(shown.sort(), there.sort());
});

Deno.test("every whole configuration in the documentation has no mistake", async () => {
  let found = 0;
  for (const page of PAGES) {
    for (const [, text = ""] of (await read(page)).matchAll(/```yaml\n([^]*?)```/g)) {
      if (!/^listeners:/m.test(text) || !/^routes:/m.test(text)) continue;
      found++;
      const { problems } = parseConfig({ path: page, text });
      assert.deepEqual(problems, [], page);
    }
  }
  assert.ok(found >= 2);
});

Deno.test("the folders that the README makes for certbot's files are a store", async () => {
  const [, command] = /^sudo (install .+)$/m.exec(await read("README.md")) ?? [];
  assert.ok(command !== undefined);
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-docs-" });
  try {
    // as most users have it
    const args = ["-c", `umask 022; ${command}`];
    const { code } = await new Deno.Command("sh", { args, cwd: folder }).output();
    assert.equal(code, 0);
    await Deno.writeTextFile(`${folder}/acme/www.example.com/privkey.pem`, "");
    await new AcmeStore(`${folder}/acme`).open();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Git ignores every key that the README has made in this folder", async () => {
  const page = await read("README.md");
  const [, key = ""] = /-keyout (\S+)/.exec(page) ?? [];
  const [, store = ""] = /install -d -m 700 \S+ (\S+)/.exec(page) ?? [];
  const made = [key, `${store}/privkey.pem`, "acme/accounts/a.key", "certs/localhost.key"];
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-docs-" });
  try {
    // a repository of its own: what this runs in may be none
    await Deno.copyFile(new URL(".gitignore", ROOT), `${folder}/.gitignore`);
    await runOk("git", ["init", "-q"], { cwd: folder });
    const ignored = await runOk("git", ["check-ignore", ...made], { cwd: folder });
    assert.deepEqual(ignored.trim().split("\n"), made);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("docs/logs.md has every event, and every key of it", async () => {
  const page = await read("docs/logs.md");
  const rows = [...page.matchAll(/^\| (`.+?) +\| (.+?) +\|$/gm)].map(([, events = "", keys = ""]) =>
    [codesIn(events), codesIn(keys.replaceAll(/ \([^)]*\)/g, ""))] as const
  );
  for (const event of EVENTS) {
    const { time: _time, level, event: name, ...keys } = JSON.parse(formatJson(event, "info", 0));
    assert.equal(level, "info");
    const found = rows.find(([events, keys]) => events.includes(name) && !keys.includes("info"));
    assert.deepEqual(found?.[1], Object.keys(keys), name);
    assert.ok(new RegExp(`^\\| \`\\w+\` .*\`${name}\`.*(?:info|warning)`, "m").test(page), name);
  }
});

/** One of each, but for those that stand in tables of their own. */
const EVENTS: readonly ProxyEvent[] = [
  { kind: "passthrough", peer: PEER, sni: "a" },
  {
    kind: "handshake_failed",
    peer: PEER,
    sni: "a",
    error: new ProxyError("plain_http", "it spoke plain HTTP"),
  },
  { kind: "certificate_obtained", names: ["a"], notAfter: new Date(0) },
  { kind: "certificate_expiring", certificate: "a.crt", notAfter: new Date(0), days: 1 },
  { kind: "certificate_failed", names: ["a"], reason: "no", again: new Date(0) },
  ...(["up", "down", "ejected"] as const).map((state) =>
    ({ kind: "server_state", backend: "a", server: "b", state, reason: "c" }) as const
  ),
  {
    kind: "server_failed",
    backend: "a",
    server: "b",
    error: new ProxyError("connect_failed", "no"),
    begun: false,
  },
  { kind: "servers_resolved", backend: "a", name: "b", added: [], removed: ["c"] },
  {
    kind: "resolve_failed",
    backend: "a",
    name: "b",
    error: new ProxyError("connect_failed", "no"),
    kept: 1,
  },
  { kind: "reloaded", reason: "SIGHUP", changes: [], warnings: [] },
  { kind: "reload_failed", reason: "SIGHUP", problems: ["a"] },
  { kind: "listener_trouble", listen: PEER, reason: "a", accepts: false },
  { kind: "listener_recovered", listen: PEER },
  { kind: "connections_refused", listen: PEER, peer: PEER, limit: "handshakes", count: 1 },
  ...(["up", "down"] as const).map((state) =>
    ({ kind: "cluster", state, redis: "a", reason: "b" }) as const
  ),
  { kind: "worker_died", worker: 1, reason: "a" },
];

function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

function read(page: string): Promise<string> {
  return Deno.readTextFile(new URL(page, ROOT));
}

/** Targets of links and pictures, without those in code. */
function linksOf(page: string): string[] {
  const prose = page.replaceAll(/```[^]*?```/g, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** The anchor of a heading, as Git forges make it. */
function slug(heading = ""): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");
}
