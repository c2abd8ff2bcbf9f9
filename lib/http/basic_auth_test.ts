import assert from "node:assert/strict";
import fc from "fast-check";
import { ProxyError } from "../core/errors.ts";
import { parseBasic, parseHtpasswd } from "./basic_auth.ts";

const HASH = "$2y$05$" + "a".repeat(53);

Deno.test("parseBasic() reads what RFC 7617 has, and nothing else", () => {
  assert.deepEqual(parseBasic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), {
    user: "Aladdin",
    password: "open sesame",
  });
  assert.deepEqual(parseBasic("basic  dGVzdDoxMjPCow=="), { user: "test", password: "123£" });
  assert.deepEqual(parseBasic("Basic Ojo="), { user: "", password: ":" });
  assert.deepEqual(parseBasic("Basic YTo+Pz4/"), { user: "a", password: ">?>?" });
  const wrong = [
    ...["", "Basic", "Basic ", "Basic !", "Bearer QQ==", "Basic QQ==", "Basic /w==:"],
    // another scheme, something behind, a byte that is no UTF-8, too much padding
    ...["Not basic YTph", "Basic YTph YTpi", "Basic YTr/", "Basic YTo==="],
  ];
  for (const value of wrong) assert.equal(parseBasic(value), undefined, value);
  fc.assert(fc.property(fc.string(), (text) => {
    parseBasic(text);
    parseBasic(`Basic ${text}`);
  }));
});

Deno.test("parseHtpasswd() reads bcrypt lines alone", () => {
  const hashes = parseHtpasswd(`# people\r\na:${HASH}\n\nb.c:${HASH}\n`, "f");
  assert.deepEqual([...hashes.keys()], ["a", "b.c"]);
  assert.equal(parseHtpasswd(`a:${HASH}:Ann, since 2020: sales`, "f").get("a"), HASH);
  const wrong: [string, RegExp][] = [
    ["", /^f names nobody$/],
    ["a", /^f:1 is not user:hash$/],
    [":x", /^f:1 is not user:hash$/],
    ["a\u0018\ufffd:$apr1$x", /^f:1 is not user:hash$/],
    [`a\t:${HASH}`, /^f:1 is not user:hash$/],
    ["a:$apr1$x", /^f:1 has no bcrypt hash for "a"/],
    ["a:secret", /^f:1 has no bcrypt hash for "a"/],
    [`a:${HASH.replace("05", "31")}`, /^f:1 has no bcrypt hash/],
    [`a:${HASH}x`, /^f:1 has no bcrypt hash/],
    [`a:x${HASH}`, /^f:1 has no bcrypt hash/],
    [`a:${HASH.slice(0, -1)}`, /^f:1 has no bcrypt hash/],
    [`a:${HASH}\na:${HASH}`, /^f:2 names "a" a second time$/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(() => parseHtpasswd(text, "f"), (error) => {
      assert.ok(error instanceof ProxyError);
      assert.match(error.message, message);
      return !error.message.includes("secret");
    });
  }
});
