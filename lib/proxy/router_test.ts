import assert from "node:assert/strict";
import { Router } from "./router.ts";

const router = new Router([
  { hosts: ["a.test"], paths: ["/v1", "/static/"], target: "deep" },
  { hosts: ["a.test", "b.test"], paths: [], target: "exact" },
  { hosts: ["*.a.test"], paths: [], target: "wild" },
  { hosts: [], paths: ["/open"], target: "open" },
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
  // what ends in a slash is for what is below it
  ["a.test", "/static", "exact"],
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
