import assert from "node:assert/strict";
import { type AccessRules, refusal } from "./admin_access.ts";

const TOKEN = "0123456789abcdef";
const OPEN: AccessRules = { token: undefined, hosts: ["admin.test"] };
const CLOSED: AccessRules = { token: TOKEN, hosts: [] };

type Fields = Readonly<Record<string, string>>;

function status(fields: Fields, { method = "GET", path = "/status", rules = OPEN } = {}) {
  return refusal({ method, path, headers: new Headers(fields) }, rules)?.status;
}

Deno.test("refusal() lets in whoever asks for an address or a name of ours", () => {
  const cases: readonly [host: string, status: number | undefined][] = [
    ["127.0.0.1:9900", undefined],
    ["localhost:9900", undefined],
    ["LOCALHOST", undefined],
    ["[::1]:9900", undefined],
    ["10.1.2.3:9900", undefined],
    ["admin.test:9900", undefined],
    ["evil.test:9900", 421],
    ["127.0.0.1.evil.test", 421],
    ["localhost.evil.test:9900", 421],
    ["[evil]:9900", 421],
    ["", 421],
  ];
  for (const [host, expected] of cases) {
    assert.equal(status({ host }), expected, host);
    assert.equal(status({ host }, { path: "/healthz" }), expected, host);
  }
});

Deno.test("refusal() lets no page of another origin change anything", () => {
  const host = "127.0.0.1:9900";
  const cases: readonly [fields: Fields, status: number | undefined][] = [
    [{}, undefined],
    [{ origin: "http://127.0.0.1:9900" }, undefined],
    [{ origin: "http://127.0.0.1:9900", "sec-fetch-site": "same-origin" }, undefined],
    [{ origin: "https://127.0.0.1:9900", "sec-fetch-site": "same-origin" }, undefined],
    [{ origin: "https://127.0.0.1:9900" }, 403],
    [{ origin: "https://127.0.0.1:9900", "sec-fetch-site": "none" }, 403],
    [{ origin: "https://evil.test" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "http://127.0.0.1:80" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site" }, 403],
  ];
  for (const [fields, expected] of cases) {
    for (const method of ["POST", "DELETE", "PUT"]) {
      const seen = status({ host, ...fields }, { method, path: "/reload" });
      assert.equal(seen, expected, JSON.stringify(fields));
    }
    assert.equal(status({ host, ...fields }), undefined);
  }
});

Deno.test("refusal() asks for the token where there is one, but of no probe", () => {
  const host = "10.0.0.1:9900";
  const shown: readonly [authorization: string, status: number | undefined][] = [
    [`Bearer ${TOKEN}`, undefined],
    [`bearer ${TOKEN}`, undefined],
    [`Basic ${btoa(`anybody:${TOKEN}`)}`, undefined],
    [`Bearer ${TOKEN}x`, 401],
    [`Bearer ${TOKEN.slice(1)}`, 401],
    ["Bearer ", 401],
    ["Bearer", 401],
    [`Basic ${btoa(`${TOKEN}:x`)}`, 401],
    ["Basic !!!", 401],
    [TOKEN, 401],
    ["", 401],
  ];
  for (const [authorization, expected] of shown) {
    assert.equal(status({ host, authorization }, { rules: CLOSED }), expected, authorization);
  }
  assert.equal(status({ host }, { rules: CLOSED }), 401);
  for (const path of ["/healthz", "/readyz"]) {
    assert.equal(status({ host }, { rules: CLOSED, path }), undefined);
  }
});

Deno.test("refusal() takes a token of several words, and one beyond ASCII", () => {
  const host = "10.0.0.1:9900";
  for (const token of ["correct horse battery staple", "grüße-aus-der-ferne"]) {
    // clients send UTF-8, and a header field is read byte by byte
    const sent = String.fromCharCode(...new TextEncoder().encode(token));
    const rules = { token, hosts: [] };
    for (const authorization of [`Bearer ${sent}`, `Basic ${btoa(`anybody:${sent}`)}`]) {
      assert.equal(status({ host, authorization }, { rules }), undefined, authorization);
      assert.equal(status({ host, authorization: `${authorization}x` }, { rules }), 401);
    }
  }
});
