import assert from "node:assert/strict";
import { field } from "./field.ts";
import { type RequestTarget, requestTarget } from "./target.ts";

interface Asked {
  readonly method?: string;
  readonly minor?: 0 | 1;
  /** Null for none. */
  readonly host?: string | null;
}

function targetOf(target: string, { method = "GET", minor = 1, host = "a" }: Asked): RequestTarget {
  const fields = host === null ? [] : [field("Host", host)];
  return requestTarget({ method, target, minor, fields });
}

const GOOD: readonly [target: string, asked: Asked, path: string, authority: string | undefined][] =
  [
    // RFC 9112, section 3.2.1
    ["/", {}, "/", "a"],
    ["//b/c", {}, "//b/c", "a"],
    ["/%2e%2E/../x", {}, "/%2e%2E/../x", "a"],
    ["/http://b/", {}, "/http://b/", "a"],
    ["/", { host: null, minor: 0 }, "/", undefined],
    ["/", { host: "A:" }, "/", "A"],
    ["/", { host: "[::1]:" }, "/", "[::1]"],
    ["*", { method: "OPTIONS", host: "a:" }, "*", "a"],
    // section 3.2.2
    ["http://a", {}, "/", "a"],
    ["http://a/", {}, "/", "a"],
    ["HTTP://A/b", {}, "/b", "A"],
    ["https://a:1/b?c", { host: "A:1" }, "/b?c", "a:1"],
    ["http://a?b/c", {}, "/?b/c", "a"],
    ["http://[::1]:80/b", { host: "[::1]:80" }, "/b", "[::1]:80"],
    ["http://a/b", { host: null, minor: 0 }, "/b", "a"],
    // RFC 9110, section 4.2.3
    ["http://a:/b", {}, "/b", "a"],
    ["http://a:80/b", {}, "/b", "a:80"],
    ["http://a/b", { host: "a:80" }, "/b", "a"],
    ["https://a:443/b", { host: "A" }, "/b", "a:443"],
    ["https://[::1]/", { host: "[::1]:443" }, "/", "[::1]"],
    ["http://a:080/", { host: "a" }, "/", "a:080"],
    ["http://a//b", {}, "//b", "a"],
    // section 3.2.4
    ["*", { method: "OPTIONS" }, "*", "a"],
    ["http://a", { method: "OPTIONS" }, "*", "a"],
    ["http://a/", { method: "OPTIONS" }, "/", "a"],
    ["http://a?b", { method: "OPTIONS" }, "/?b", "a"],
  ];

for (const [target, asked, path, authority] of GOOD) {
  const whose = `${asked.method ?? "GET"} ${target}, Host ${asked.host ?? "a"}`;
  Deno.test(`requestTarget() gives ${path} at ${authority} when asked for ${whose}`, () => {
    assert.deepEqual(targetOf(target, asked), { path, authority });
  });
}

const BAD: readonly [target: string, asked: Asked, code: string][] = [
  ["*", {}, "bad_target"],
  ["b", {}, "bad_target"],
  ["http:/a", {}, "bad_target"],
  ["xhttp://a/", {}, "bad_target"],
  ["a?http://a/", {}, "bad_target"],
  ["http://", {}, "bad_target"],
  ["http://u@a/", {}, "bad_target"],
  ["ws://a/", {}, "bad_target"],
  ["http://b/", {}, "bad_host"],
  ["http://a:443/", {}, "bad_host"],
  ["https://a:80/", {}, "bad_host"],
  ["https://a/", { host: "a:80" }, "bad_host"],
  ["https://[::1]:443/", { host: "[::1]:80" }, "bad_host"],
  ["http://a:80/", { host: "b" }, "bad_host"],
  ["http://a::/", {}, "bad_target"],
  ["/", { host: ":" }, "bad_host"],
  ["http://a/", { host: null }, "bad_host"],
  ["/", { host: null }, "bad_host"],
  ["/", { host: "" }, "bad_host"],
  ["/", { host: "", minor: 0 }, "bad_host"],
  ["/", { method: "CONNECT" }, "method_not_allowed"],
  ["a:443", { method: "CONNECT", host: "a:443" }, "method_not_allowed"],
  ["/", { method: "TRACE" }, "method_not_allowed"],
];

for (const [target, asked, code] of BAD) {
  const whose = `${asked.method ?? "GET"} ${target}, Host ${JSON.stringify(asked.host ?? "a")}`;
  Deno.test(`requestTarget() throws ${code} when asked for ${whose}, ${asked.minor ?? 1}`, () => {
    assert.throws(() => targetOf(target, asked), { name: "ProxyError", code });
  });
}
