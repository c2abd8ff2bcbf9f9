import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLatin1 } from "../core/latin1.ts";
import { fieldName, hashByte, readFieldName, ROLE } from "./field_name.ts";
import { TOKEN } from "./grammar.ts";

function read(text: string, before = "", behind = "") {
  const start = before.length;
  const bytes = encodeLatin1(before + text + behind);
  const hash = encodeLatin1(text).reduce(hashByte, 0);
  return readFieldName(bytes, { start, end: start + text.length, hash });
}

Deno.test("fieldName() keeps the name, adds it in lower case, and knows what it means", () => {
  assert.deepEqual(fieldName("X-A_b"), { name: "X-A_b", key: "x-a_b", role: 0 });
  const { role } = fieldName("Transfer-Encoding");
  assert.equal(role, ROLE.hopByHop | ROLE.transferEncoding);
});

Deno.test("fieldName() knows claims of origin, also with _ for - (RFC 3875 4.1.18)", () => {
  const claims = ["for", "host", "port", "proto"].flatMap((what) => [
    `X-Forwarded-${what}`,
    `x_forwarded_${what}`,
    `x-forwarded_${what}`,
    `x_forwarded-${what}`,
  ]);
  const proofs = ["Client-Cert", "client_cert", "client-cert_chain", "CLIENT-CERT-CHAIN"];
  for (const name of [...claims, ...proofs, "forwarded"]) {
    assert.equal(fieldName(name).role, ROLE.forwarded, name);
  }
  for (const name of ["forwarded-for", "x-forwarded-forr", "for", "x_a"]) {
    assert.equal(fieldName(name).role, 0, name);
  }
});

Deno.test("fieldName() knows what only a proxy may claim, also with _ for -", () => {
  const names = [
    // who the client is
    ...["CF-Connecting-IP", "Client-IP", "Fastly-Client-IP", "True-Client-IP", "X-Client-IP"],
    ...["X-Cluster-Client-IP", "X-Forwarded", "X-Forwarded-By", "X-Original-Forwarded-For"],
    ...["X-Real-IP", "X-Forwarded-Server", "Proxy"],
    // who has logged in
    ...["X-Forwarded-Access-Token", "X-Forwarded-Client-Cert", "X-Forwarded-Email"],
    ...["X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-User"],
    // what was asked for, and by what scheme
    ...["X-Forwarded-Method", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Uri"],
    ...["X-Forwarded-Url", "X-Original-Host", "X-Original-Method", "X-Original-URI"],
    ...["X-Original-URL", "X-Rewrite-URL", "Front-End-Https", "X-Forwarded-Protocol"],
    ...["X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Scheme", "X-Url-Scheme"],
  ];
  for (const name of names) {
    for (const form of [name, name.toLowerCase(), name.replaceAll("-", "_")]) {
      assert.equal(fieldName(form).role, ROLE.claim, form);
    }
  }
  for (const name of ["X_Real-IP", "x-real_ip", "X_Forwarded-Prefix"]) {
    assert.equal(fieldName(name).role, ROLE.claim, name);
  }
  for (const name of ["real-ip", "x-real-ips", "proxy-", "proxy_", "original-url"]) {
    assert.equal(fieldName(name).role, 0, name);
  }
});

Deno.test("fieldName() takes what frames or speaks of one hop for a claim, with _ for -", () => {
  const names = [
    ...["content_length", "transfer_encoding", "Content_Length", "Transfer_Encoding"],
    ...["keep_alive", "proxy_authorization", "http2_settings", "x_request_id", "x_request-id"],
  ];
  for (const name of names) assert.equal(fieldName(name).role, ROLE.claim, name);
  for (const name of ["max_forwards", "www_authenticate", "content_type", "_", "te_"]) {
    assert.equal(fieldName(name).role, 0, name);
  }
});

Deno.test("readFieldName() of any bytes is fieldName() of their text, and none where it is no token", () => {
  // few characters and few lengths, so that names meet in the table
  const text = fc.string({ unit: fc.constantFrom(..."aAbB-_: \xe9"), maxLength: 4 });
  const any = fc.oneof(text, fc.constantFrom("Host", "hOST", "Via", "TE", "a".repeat(100)));
  fc.assert(
    fc.property(any, text, text, (name, before, behind) => {
      assert.deepEqual(
        read(name, before, behind),
        TOKEN.test(name) ? fieldName(name) : undefined,
      );
    }),
    { numRuns: 2000 },
  );
});

Deno.test("readFieldName() reads a name of any length", () => {
  const name = "n".repeat(2 ** 20);
  assert.deepEqual(read(name), fieldName(name));
});

Deno.test("readFieldName() tells names with the same hash apart", () => {
  // 31 * "A" + "b" is 31 * "B" + "C"
  assert.equal([..."Ab"].map((c) => c.charCodeAt(0)).reduce(hashByte, 0), 2113);
  assert.equal([..."BC"].map((c) => c.charCodeAt(0)).reduce(hashByte, 0), 2113);
  for (const name of ["Ab", "BC", "Ab"]) assert.deepEqual(read(name), fieldName(name));
});

Deno.test("fieldName() knows every field of one connection (RFC 9110 7.6.1, RFC 9113 8.2.2)", () => {
  const names = [
    ...["Connection", "Content-Length", "HTTP2-Settings", "Keep-Alive", "Proxy-Authenticate"],
    ...["Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "TE"],
    ...["Transfer-Encoding", "Upgrade"],
  ];
  for (const name of names) assert.notEqual(fieldName(name).role & ROLE.hopByHop, 0, name);
  for (const name of ["Host", "Via", "Expect", "Trailer", "Authorization", "Max-Forwards"]) {
    assert.equal(fieldName(name).role & ROLE.hopByHop, 0, name);
  }
});

Deno.test("every role is a bit of its own", () => {
  const bits = Object.values(ROLE);
  for (const bit of bits) assert.equal(bit & (bit - 1), 0, String(bit));
  assert.equal(new Set(bits).size, bits.length);
  assert.ok(!bits.includes(0 as never));
});
