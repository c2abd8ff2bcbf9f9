import assert from "node:assert/strict";
import fc from "fast-check";
import { redirectTarget } from "./redirect_target.ts";
import { prefixInAll, stripPrefix } from "./strip_prefix.ts";
import { parseTemplate, VARIABLES, type Variables } from "./template.ts";

const NOTHING = Object.fromEntries(VARIABLES.map((name) => [name, undefined])) as Variables;

function target(to: string, path: string): string {
  const rule = { to: parseTemplate(to), status: 308 } as const;
  return redirectTarget(rule, { path, variables: { ...NOTHING, host: "a.test", path } });
}

Deno.test("redirectTarget() keeps path and query", () => {
  const cases: [string, string, string][] = [
    ["https://b.test{path}", "/x/y?q=1", "https://b.test/x/y?q=1"],
    ["https://b.test{path}", "/x?a?b", "https://b.test/x?a?b"],
    ["https://b.test{path}", "*", "https://b.test/"],
    ["https://b.test/new", "/old?q", "https://b.test/new?q"],
    ["https://b.test/new?own=1", "/old?q", "https://b.test/new?own=1"],
    ["https://b.test{path}#top", "/old?q", "https://b.test/old?q#top"],
    ["https://b.test{path}#a?b", "/old?q#", "https://b.test/old?q##a?b"],
    ["https://b.test/new?own=1#top", "/old?q", "https://b.test/new?own=1#top"],
    ["https://{host}{path}", "/x", "https://a.test/x"],
    ["/new{path}", "/x", "/new/x"],
  ];
  for (const [to, path, expected] of cases) assert.equal(target(to, path), expected);
});

Deno.test("redirectTarget() leads to no other host, whatever the path", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."/\\.:@?#ax%") }), (rest) => {
    const path = `/${rest}`;
    assert.equal(new URL(target("{path}", path), "https://a.test/").host, "a.test", path);
    assert.equal(new URL(target("https://b.test{path}", path)).host, "b.test", path);
  }));
});

Deno.test("stripPrefix() goes by segments", () => {
  const cases: [string, string, string | undefined][] = [
    ["/api/x?q", "/api", "/x?q"],
    ["/api", "/api", "/"],
    ["/api/", "/api", "/"],
    ["/api?q", "/api", "/?q"],
    ["/apix", "/api", undefined],
    ["/api/x", "/api/", "/x"],
    ["/api//evil.test/", "/api", "/evil.test/"],
    ["/x", "/api", undefined],
    ["/x", "/", "/x"],
  ];
  for (const [path, prefix, expected] of cases) {
    assert.equal(stripPrefix(path, prefix), expected, `${path} ${prefix}`);
  }
});

Deno.test("prefixInAll() has those of proxies in front first", () => {
  const cases: [before: string[], prefix: string, all: string][] = [
    [[], "/api/", "/api"],
    [["/outer"], "/api", "/outer/api"],
    [["/outer/", "/in/ner"], "/api", "/outer/in/ner/api"],
    [["/outer, /inner/,"], "/api", "/outer/inner/api"],
    [["/"], "/api", "/api"],
    [["outer"], "/api", "/api"],
    [["/outer, //evil.test"], "/api", "/api"],
    [["/a b"], "/api", "/api"],
  ];
  for (const [before, prefix, all] of cases) assert.equal(prefixInAll(before, prefix), all);
});
