import assert from "node:assert/strict";
import { pathReadings } from "./path_readings.ts";

Deno.test("pathReadings() gives what a server may take a path for", () => {
  const cases: [path: string, reading: string][] = [
    ["//a", "/a"],
    ["/./a", "/a"],
    ["/x/../a/b", "/a/b"],
    ["/../../a", "/a"],
    ["/%61", "/a"],
    ["/%2e%2E/a", "/a"],
    ["/x%2f..%2Fa", "/a"],
    ["/x/..%5ca", "/a"],
    ["/\\a", "/a"],
    ["/a;x=1/b;y", "/a/b"],
    ["/x/..;/a", "/a"],
    // by who undoes no encoding, and by who leaves nothing out
    ["/x/../a/%2e%2e", "/a/%2E%2E"],
    ["/x/../a/..;", "/a/..;"],
    // by who leaves a slash encoded, and by who takes no other for one
    ["/x%2fy/%2e%2e/a", "/a"],
    ["/x\\y/../a", "/a"],
    ["/x;y\\z/../a", "/a"],
    // by who makes one slash of several first, and by who does so last
    ["/x//../a", "/a"],
    ["/a//../b", "/a/b"],
    ["/a%zz//b?c", "/a%zz/b"],
    // as it stands in a configuration
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/a%2fb", "/a%2Fb"],
    ["/x/..//100%25", "/100%25"],
    ["/.", "/"],
  ];
  for (const [path, reading] of cases) assert.ok(pathReadings(path)?.includes(reading), path);
});

Deno.test("pathReadings() gives none where all read alike, whatever the query is", () => {
  for (
    const path of ["/", "/a/b/", "/a.b/c..", "/a?//%61;/../", "*", "/.well-known/a", "/a%20%C3%A9"]
  ) {
    assert.deepEqual(pathReadings(path), [], path);
  }
});

Deno.test("pathReadings() gives up on a long path that may be read in many ways", () => {
  const odd = "/%61%2f\\;x//../";
  assert.ok((pathReadings(odd.repeat(100))?.length ?? 0) > 1);
  assert.equal(pathReadings(odd.repeat(300)), undefined);
  // however long, where there is but one other
  const long = "a".repeat(90_000);
  assert.deepEqual(pathReadings(`/${long}//b`), [`/${long}/b`]);
});
