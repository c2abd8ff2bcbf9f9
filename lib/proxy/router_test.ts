import assert from "node:assert/strict";
import { PathSet, Router } from "./router.ts";

const router = new Router([
  { hosts: ["a.test"], paths: ["/v1", "/static/"], target: "deep" },
  { hosts: ["a.test", "b.test"], paths: [], target: "exact" },
  { hosts: ["*.a.test"], paths: [], target: "wild" },
  { hosts: [], paths: ["/open"], target: "open" },
  { hosts: ["all.test"], paths: ["/"], target: "all" },
  { hosts: ["slashes.test"], paths: ["//", "/x//"], target: "slashes" },
]);

const CASES: readonly (readonly [
  host: string | undefined,
  path: string | undefined,
  target: string | undefined,
])[] = [
  ["a.test", "/v1", "deep"],
  ["a.test", "/v1/", "deep"],
  ["a.test", "/v1/x?y", "deep"],
  ["a.test", "/v1?x=/y", "deep"],
  ["a.test", "/static/x", "deep"],
  // what ends in a slash is for what is below it, and for itself without
  ["a.test", "/static", "deep"],
  ["a.test", "/static?x", "deep"],
  ["a.test", "/statics", "exact"],
  ["a.test", "/static/", "deep"],
  ["a.test", "/stati", "exact"],
  ["a.test", "/v10", "exact"],
  ["a.test", "/V1", "exact"],
  ["a.test", "/%76%31", "exact"],
  ["a.test", "*", "exact"],
  ["b.test", "/v1", "exact"],
  ["x.a.test", "/v1", "wild"],
  ["x.y.a.test", "/", undefined],
  [".a.test", "/", undefined],
  ["test", "/", undefined],
  ["nobody", "/open/x", "open"],
  ["nobody", "/opened", undefined],
  ["all.test", "/", "all"],
  ["all.test", "/x", "all"],
  ["all.test", "/?x", "all"],
  ["all.test", "*", undefined],
  ["slashes.test", "//", "slashes"],
  ["slashes.test", "///x", "slashes"],
  ["slashes.test", "/x//?y", "slashes"],
  ["slashes.test", "/", undefined],
  ["slashes.test", "/?x", undefined],
  ["slashes.test", "/x/", undefined],
  [undefined, "/open", "open"],
  [undefined, "/", undefined],
  // in tcp mode there are no paths
  ["a.test", undefined, "exact"],
  ["nobody", undefined, undefined],
];

Deno.test("route() gives the first route that matches host and path", () => {
  for (const [host, path, target] of CASES) {
    assert.equal(router.route(host, path)?.target, target, `${host} ${path}`);
  }
});

Deno.test("route() says which one it was", () => {
  assert.equal(router.route("x.a.test", "/")?.index, 2);
});

Deno.test("route() keeps the order of routes that are found by different hosts", () => {
  const mixed = new Router([
    { hosts: ["*.a.test"], paths: ["/w"], target: "wild" },
    { hosts: [], paths: ["/o"], target: "open" },
    { hosts: ["x.a.test"], paths: [], target: "exact" },
    { hosts: ["*.a.test", "x.a.test"], paths: [], target: "both" },
    { hosts: [], paths: [], target: "rest" },
  ]);
  const at = (host: string | undefined, path: string) => mixed.route(host, path)?.target;
  assert.deepEqual([at("x.a.test", "/w"), at("x.a.test", "/o"), at("x.a.test", "/")], [
    ...["wild", "open", "exact"],
  ]);
  assert.deepEqual([at("y.a.test", "/o"), at("y.a.test", "/"), at("b.test", "/")], [
    ...["open", "both", "rest"],
  ]);
  assert.equal(at(undefined, "/"), "rest");
});

Deno.test("route() asks for methods and fields where a route does", () => {
  const conditional = new Router([
    { hosts: [], paths: [], conditions: { methods: ["POST"], headers: {} }, target: "post" },
    {
      hosts: [],
      paths: [],
      conditions: { methods: [], headers: { "x-c": "1" } },
      target: "canary",
    },
    { hosts: [], paths: [], target: "rest" },
  ]);
  const facts = (method: string, canary: string[] = []) => ({ method, values: () => canary });
  assert.ok(conditional.conditional);
  assert.ok(!router.conditional);
  assert.equal(conditional.route("a", "/", facts("POST"))?.target, "post");
  assert.equal(conditional.route("a", "/", facts("GET", ["1"]))?.target, "canary");
  assert.equal(conditional.route("a", "/", facts("GET"))?.target, "rest");
  assert.equal(
    conditional.route("a", undefined)?.target,
    "rest",
    "nothing is met without a request",
  );
});

Deno.test("route() finds none where slashes behind a stripped prefix would get past another route", () => {
  const strips = new Router([
    { hosts: [], paths: ["/api/admin"], stripPrefix: "/api", target: "admin" },
    { hosts: [], paths: ["/api"], stripPrefix: "/api", target: "api" },
    { hosts: ["a.test"], paths: ["/secret"], target: "secret" },
    { hosts: ["a.test"], paths: [], stripPrefix: "/", target: "all" },
    { hosts: [], paths: [], target: "rest" },
  ]);
  const cases: [string, string | undefined][] = [
    ["/api/admin", "admin"],
    ["/api/admin//x", "admin"],
    ["/api//admin", undefined],
    ["/api///admin/x?y", undefined],
    ["/api/\\admin", undefined],
    ["/api//administrator", "api"],
    ["/api//x", "api"],
    ["/api/x//admin", "api"],
    ["/api?//admin", "api"],
    ["/secret", "secret"],
    ["//secret", undefined],
    ["//x", "all"],
  ];
  for (const [path, target] of cases) {
    assert.equal(strips.route("a.test", path)?.target, target, path);
  }
  // what takes nothing off is given on as it came
  assert.equal(strips.route("b.test", "//api/admin")?.target, "rest");
});

Deno.test("route() leads other spellings of a path to the route that keeps requests off", () => {
  const guarded = new Router([
    { hosts: [], paths: ["/admin/open"], target: "open" },
    { hosts: [], paths: ["/admin"], isGuard: true, target: "admin" },
    { hosts: [], paths: ["/v1"], target: "v1" },
    {
      hosts: [],
      paths: ["/login"],
      conditions: { methods: ["POST"], headers: {} },
      isGuard: true,
      target: "login",
    },
    { hosts: [], paths: ["/api"], stripPrefix: "/api", target: "api" },
    { hosts: ["b.test"], paths: ["/"], isGuard: true, target: "closed" },
    { hosts: [], paths: [], target: "rest" },
  ]);
  const at = (path: string, host = "a.test", method = "GET") =>
    guarded.route(host, path, { method, values: () => [] })?.target;
  for (
    const path of [
      ...["//admin", "/./admin/x", "/x/../admin", "/%61dmin?q", "/x/%2e%2e%2fadmin", "/admin;x/y"],
      ...["/\\admin", "/x/..;/admin", "/api/../admin", "/admin/open/../x", "/v1%2f../admin"],
      ...["/x%2fy/%2e%2e/admin", "/x\\y/../admin"],
    ]
  ) assert.equal(at(path), "admin", path);
  const cases: [path: string, target: string][] = [
    ["/admin", "admin"],
    ["/admin//x/../%61", "admin"],
    ["/admin/open/%61", "open"],
    ["/x?y=/../admin", "rest"],
    ["//administrator", "rest"],
    ["/ADMIN", "rest"],
    // what keeps nothing off is for what is sent
    ["//v1", "rest"],
    ["/%761", "rest"],
    ["//login", "rest"],
    ["*", "rest"],
  ];
  for (const [path, target] of cases) assert.equal(at(path), target, path);
  assert.equal(at("//login;x", "a.test", "POST"), "login");
  assert.equal(at("/v1/../x", "b.test"), "closed");
  assert.equal(at("/v1//x", "b.test"), "v1");
  // it may be read in too many ways to look at all of them
  assert.equal(at(`/x/../admin${"/%61%2f\\;x//..".repeat(300)}`), undefined);
  assert.equal(at(`/${"a".repeat(16_000)}//b`), "rest");
  // several keep it off
  assert.equal(at("/admin/..;/login", "a.test", "POST"), undefined);
  assert.equal(at("/x/../admin/%2e%2e/login", "a.test", "POST"), undefined);
});

Deno.test("route() finds none where another spelling hides the prefix to be stripped", () => {
  const guarded = new Router([
    { hosts: [], paths: ["/api/v1"], stripPrefix: "/api", isGuard: true, target: "v1" },
    { hosts: [], paths: [], target: "rest" },
  ]);
  const at = (path: string) => guarded.route(undefined, path)?.target;
  assert.equal(at("/api//v1"), "v1");
  for (const path of ["//api/v1", "/x/../api/v1", "/api;x/v1"]) {
    assert.equal(at(path), undefined, path);
  }
});

Deno.test("a PathSet covers what is below its prefixes by every reading of it", () => {
  const set = new PathSet(["/.well-known/", "/open"]);
  for (const path of ["/.well-known/x", "/open?/../y", "/open//x/%20", "/open/x/../y"]) {
    assert.ok(set.covers(path), path);
  }
  for (const path of ["/", "/opened", "/open/../x", "/open/%2e%2e/x", "/open/..;/x", "//open"]) {
    assert.ok(!set.covers(path), path);
  }
  assert.equal(set.covers(`/open${"/%61%2f\\;x".repeat(1_000)}//.`), false);
  const encoded = new PathSet(["/users/%40me", "/caf%c3%a9", "/a;b"]);
  for (const path of ["/users/%40me/x", "/caf%c3%a9?q", "/a;b/c"]) {
    assert.ok(encoded.covers(path), path);
  }
  for (const path of ["/users/%40me/../x", "/users/@me", "/a;b/../c"]) {
    assert.ok(!encoded.covers(path), path);
  }
});

Deno.test("shadowOf() finds routes that can never match", () => {
  const routes = new Router([
    { hosts: ["a.test"], paths: ["/x"], target: 0 },
    { hosts: ["*.b.test"], paths: [], target: 1 },
    { hosts: ["a.test"], paths: ["/x/y"], target: 2 },
    { hosts: ["a.test"], paths: ["/x/y", "/z"], target: 3 },
    { hosts: ["c.b.test"], paths: ["/q"], target: 4 },
    { hosts: [], paths: [], conditions: { methods: ["GET"], headers: {} }, target: 5 },
    { hosts: ["a.test"], paths: [], target: 6 },
    { hosts: [], paths: [], target: 7 },
    { hosts: ["d.test"], paths: ["/w"], target: 8 },
  ]);
  const slashes = new Router([
    { hosts: [], paths: ["//", "/x//"], target: 0 },
    { hosts: [], paths: ["/x/"], target: 1 },
    { hosts: [], paths: ["/"], target: 2 },
    { hosts: [], paths: ["//y"], target: 3 },
  ]);
  assert.deepEqual([1, 2, 3].map((index) => slashes.shadowOf(index)), [undefined, undefined, 0]);
  const shadows = Array.from({ length: 9 }, (_, index) => routes.shadowOf(index));
  const no = undefined;
  assert.deepEqual(shadows, [no, no, 0, no, 1, no, no, no, 7]);
});

Deno.test("route() finds one of 20,000 hosts", () => {
  const make = (count: number) =>
    new Router(Array.from({ length: count }, (_, index) => ({
      hosts: [`h${index}.test`],
      paths: [],
      target: index,
    })));
  const many = make(20_000);
  assert.equal(many.route("h19999.test", "/")?.index, 19_999);
  assert.equal(many.route("unknown.test", "/"), undefined);
});
