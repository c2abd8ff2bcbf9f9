import assert from "node:assert/strict";
import fc from "fast-check";
import { AddressSet } from "../core/address_set.ts";
import { appendedForwardedFields, clientOf, forwardedFields, isToldSecure } from "./forwarded.ts";
import { field, fieldLines } from "./field.ts";

const FACTS = { peer: "192.0.2.7", port: 8443, proto: "https", host: "a.test" } as const;
const OWN = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.test\r\nX-Forwarded-Port: 8443\r\n";

Deno.test("forwardedFields() tells where a request came from", () => {
  const facts = { peer: "2001:db8::1", port: 8443, proto: "https", host: "a:8443" } as const;
  assert.equal(
    fieldLines(forwardedFields(facts)),
    "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https\r\n" +
      "X-Forwarded-Host: a:8443\r\nX-Forwarded-Port: 8443\r\n",
  );
});

Deno.test("forwardedFields() tells what the client has proved (RFC 9440 2)", () => {
  const shown = { certificate: ":AQI=:", chain: undefined };
  const received = [field("Client-Cert", ":AAAA:"), field("Client-Cert-Chain", ":AAAA:")];
  for (const clientCert of [shown, { ...shown, chain: ":Aw==:, :BA==:" }]) {
    const lines = fieldLines(forwardedFields({ ...FACTS, clientCert }));
    const chain = clientCert.chain === undefined ? "" : "Client-Cert-Chain: :Aw==:, :BA==:\r\n";
    assert.ok(lines.endsWith(`\r\nClient-Cert: :AQI=:\r\n${chain}`), lines);
    assert.equal(fieldLines(appendedForwardedFields({ ...FACTS, clientCert }, received)), lines);
  }
});

const ELEMENTS: readonly [peer: string, host: string, element: string][] = [
  ["192.0.2.7", "a.test", "for=192.0.2.7;host=a.test;proto=https"],
  ["2001:db8::1", "a.test", 'for="[2001:db8::1]";host=a.test;proto=https'],
  ["192.0.2.7", "a.test:8443", 'for=192.0.2.7;host="a.test:8443";proto=https'],
  ["192.0.2.7", "[::1]", 'for=192.0.2.7;host="[::1]";proto=https'],
];

for (const [peer, host, element] of ELEMENTS) {
  Deno.test(`forwardedFields() writes ${element} (RFC 7239 4, 6)`, () => {
    const fields = forwardedFields({ ...FACTS, peer, host, standard: true });
    assert.deepEqual(fields.at(-1), field("Forwarded", element));
  });
}

const APPENDED: readonly [what: string, received: [string, string][], lines: string][] = [
  ["nothing", [], `X-Forwarded-For: 192.0.2.7\r\n${OWN}`],
  [
    "one address",
    [["X-Forwarded-For", "1.2.3.4"]],
    `X-Forwarded-For: 1.2.3.4, 192.0.2.7\r\n${OWN}`,
  ],
  [
    "lists on many lines",
    [["X-Forwarded-For", "1.2.3.4 ,\t5.6.7.8"], ["x-forwarded-for", ",,2001:db8::9,"]],
    `X-Forwarded-For: 1.2.3.4, 5.6.7.8, 2001:db8::9, 192.0.2.7\r\n${OWN}`,
  ],
  [
    "ports and obfuscated identifiers",
    [["X-Forwarded-For", "unknown, _hidden, 1.2.3.4:5, [::1]:6"]],
    `X-Forwarded-For: unknown, _hidden, 1.2.3.4:5, [::1]:6, 192.0.2.7\r\n${OWN}`,
  ],
  [
    "what it was asked for",
    [["X-Forwarded-Proto", "http"], ["X-Forwarded-Host", "b.test:1"], ["X-Forwarded-Port", "80"]],
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: b.test:1\r\nX-Forwarded-Port: 80\r\n",
  ],
  [
    "what it was asked for, badly",
    [["X-Forwarded-Proto", "a b"], ["X-Forwarded-Host", "b/c"], ["X-Forwarded-Port", "x"]],
    `X-Forwarded-For: 192.0.2.7\r\n${OWN}`,
  ],
  [
    "what it was asked for, twice",
    [["X-Forwarded-Proto", "http"], ["X-Forwarded-Proto", "https"]],
    `X-Forwarded-For: 192.0.2.7\r\n${OWN}`,
  ],
];

for (const [what, received, lines] of APPENDED) {
  Deno.test(`appendedForwardedFields() behind a proxy that tells ${what}`, () => {
    const fields = received.map(([name, value]) => field(name, value));
    assert.equal(fieldLines(appendedForwardedFields(FACTS, fields)), lines);
  });
}

/** RFC 3986, section 3.1, and no longer than a scheme may be here. */
const SCHEMES: readonly [scheme: string, isTold: boolean][] = [
  ["a", true],
  ["Z", true],
  ["coap+tcp", true],
  ["a1+.-", true],
  [`a${"b".repeat(30)}`, true],
  [`a${"b".repeat(31)}`, false],
  ["", false],
  ["1a", false],
  ["+a", false],
  ["a_b", false],
  ["a:", false],
  ["http, https", false],
];

for (const [scheme, isTold] of SCHEMES) {
  Deno.test(`appendedForwardedFields() ${isTold ? "believes" : "does not believe"} the scheme "${scheme}"`, () => {
    const fields = appendedForwardedFields(FACTS, [field("X-Forwarded-Proto", scheme)]);
    assert.equal(fields[1]?.value, isTold ? scheme : "https");
  });
}

for (
  const [port, isTold] of [["0", true], ["65535", true], ["123456", false], ["", false]] as const
) {
  Deno.test(`appendedForwardedFields() ${isTold ? "believes" : "does not believe"} the port "${port}"`, () => {
    const fields = appendedForwardedFields(FACTS, [field("X-Forwarded-Port", port)]);
    assert.equal(fields[3]?.value, isTold ? port : "8443");
  });
}

Deno.test("appendedForwardedFields() appends to Forwarded, whose quotes may hold commas", () => {
  const received = [
    field("Forwarded", 'for=1.2.3.4;by="a, \\"b", for="[2001:db8::9]:4711"'),
    field("forwarded", "for=_gazonk"),
  ];
  assert.deepEqual(
    appendedForwardedFields({ ...FACTS, standard: true }, received).at(-1),
    field(
      "Forwarded",
      'for=1.2.3.4;by="a, \\"b", for="[2001:db8::9]:4711",for=_gazonk, ' +
        "for=192.0.2.7;host=a.test;proto=https",
    ),
  );
});

Deno.test("appendedForwardedFields() believes no Forwarded whose quotes stay open", () => {
  for (const value of ['for="1.2.3.4', '"', 'a="\\"', 'for=a;by="b", "']) {
    const fields = appendedForwardedFields({ ...FACTS, standard: true }, [
      field("Forwarded", value),
    ]);
    assert.equal(fields.at(-1)?.value, "for=192.0.2.7;host=a.test;proto=https", value);
  }
});

Deno.test("appendedForwardedFields() has the peer last, whatever was received", () => {
  const value = fc.string({ unit: fc.constantFrom(...'1.,: \t"\\[]_a=;'), maxLength: 20 });
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const received = values.map((text) => field("X-Forwarded-For", text));
      const elements = appendedForwardedFields(FACTS, received)[0]?.value.split(", ") ?? [];
      assert.equal(elements.at(-1), "192.0.2.7");
      assert.ok(elements.every((element) => element !== "" && !element.includes(",")));
    }),
  );
});

const CHAINS: readonly [chain: string[], client: string | undefined][] = [
  [["192.0.2.7"], "192.0.2.7"],
  [["6.6.6.6", "10.0.0.1"], "6.6.6.6"],
  [["6.6.6.6", "192.0.2.7", "10.0.0.1"], "192.0.2.7"],
  [["10.0.0.9", "10.0.0.1"], "10.0.0.9"],
  [["6.6.6.6", "unknown", "10.0.0.1"], "10.0.0.1"],
  [["6.6.6.6:1234", "10.0.0.1"], "6.6.6.6"],
  [["6.6.6.6", " 192.0.2.7\t", " 10.0.0.1"], "192.0.2.7"],
  [["[2001:db8::9]:4711", "10.0.0.1"], "2001:db8::9"],
  [["2001:db8::9", "::ffff:10.0.0.1"], "2001:db8::9"],
  [["6.6.6.6", "192.0.2.7", "", " ", "10.0.0.1", "\t"], "192.0.2.7"],
  [["", "10.0.0.1"], "10.0.0.1"],
  [["_hidden"], undefined],
  [[], undefined],
];

for (const [chain, client] of CHAINS) {
  Deno.test(`clientOf() reads ${chain.join(", ")} from the right`, () => {
    const trusted = new AddressSet(["10.0.0.0/8"]);
    assert.equal(clientOf(chain, (address) => trusted.has(address)), client);
  });
}

Deno.test("appendedForwardedFields() believes a scheme and a port within their bounds", () => {
  const told = (name: string, value: string) =>
    appendedForwardedFields(FACTS, [field(name, value)]).find(({ name: other }) => other === name)
      ?.value;
  const proto = (value: string) => told("X-Forwarded-Proto", value) === value;
  const port = (value: string) => told("X-Forwarded-Port", value) === value;
  // RFC 3986, section 3.1
  for (const scheme of ["h", "H", "a".repeat(31), "a0", "z+.-9"]) assert.ok(proto(scheme), scheme);
  for (const scheme of ["", "a".repeat(32), "0a", "+a", "a_b", "a:", " a b", "a\n"]) {
    assert.ok(!proto(scheme), scheme);
  }
  for (const number of ["0", "1", "65535", "99999"]) assert.ok(port(number), number);
  for (const number of ["", "100000", "-1", "1.0", "x", "1x", "x1"]) {
    assert.ok(!port(number), number);
  }
});

Deno.test("clientOf() takes ports and brackets as RFC 7239, section 6, writes them", () => {
  const nobody = () => false;
  const cases: readonly [node: string, client: string | undefined][] = [
    ["1.2.3.4:1", "1.2.3.4"],
    ["1.2.3.4:12345", "1.2.3.4"],
    ["1.2.3.4:123456", undefined],
    ["1.2.3.4:", undefined],
    ["1234.1.1.1", undefined],
    ["999.1.1.1", undefined],
    ["[1.2.3.4]", undefined],
    ["fe80::1%eth0", undefined],
    [":::", undefined],
    ["1.2.3", undefined],
    ["1.2.3.4.5", undefined],
    ["[::1]", "::1"],
    ["[::1]:1", "::1"],
    ["[::1]:12345", "::1"],
    ["[::1]:123456", undefined],
    ["[::1]:", undefined],
    ["[::1", undefined],
    ["x[::1]", undefined],
    ["::1", "::1"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["[::FFFF:102:304]:1", "1.2.3.4"],
    ["abc", undefined],
    ["", undefined],
  ];
  for (const [node, client] of cases) assert.equal(clientOf([node], nobody), client, node);
});

Deno.test("isToldSecure() goes by a scheme that stands once and is one", () => {
  const cases: [values: string[], secure: boolean | undefined][] = [
    [["https"], true],
    [["HTTPS"], true],
    [["wss"], true],
    [["http"], false],
    [["httpsx"], false],
    [["xhttps"], false],
    [[], undefined],
    [["https", "https"], undefined],
    [["https, http"], undefined],
  ];
  for (const [values, secure] of cases) assert.equal(isToldSecure(values), secure, `${values}`);
});
