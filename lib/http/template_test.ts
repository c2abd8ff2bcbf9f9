import assert from "node:assert/strict";
import fc from "fast-check";
import { isConstant, names, parseTemplate, render, VARIABLES, type Variables } from "./template.ts";

const NOTHING = Object.fromEntries(VARIABLES.map((name) => [name, undefined])) as Variables;

Deno.test("render() puts in what a template names", () => {
  const variables = { ...NOTHING, host: "a.test", path: "/x", "client_cert.subject": "CN=é\r\nx" };
  const cases: [string, string][] = [
    ["", ""],
    ["plain", "plain"],
    ["https://{host}/new{path}", "https://a.test/new/x"],
    ["{{{host}}}", "{a.test}"],
    ["{sni}", ""],
    ["{client_cert.subject}", "CN=???x"],
  ];
  for (const [text, expected] of cases) {
    assert.equal(render(parseTemplate(text), variables), expected, text);
  }
  assert.ok(isConstant(parseTemplate("{{x}}")));
  assert.ok(!isConstant(parseTemplate("{id}")));
  assert.deepEqual([names(parseTemplate("a{id}"), "id"), names(parseTemplate("id"), "id")], [
    ...[true, false],
  ]);
});

Deno.test("parseTemplate() says what is wrong", () => {
  assert.throws(() => parseTemplate("{hots}"), /there is no \{hots\}; there are \{client\}/);
  assert.throws(() => parseTemplate("a{b"), /a single "\{"/);
  assert.throws(() => parseTemplate("a}b"), /a single "\}"/);
});

Deno.test("render() never gives a character that could end a line", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
    const text = render(parseTemplate("{host}{path}"), { ...NOTHING, host: value, path: value });
    assert.match(text, /^[\x20-\x7e]*$/);
  }));
});
