import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ipAddress,
  isHostName,
  isWildcard,
  normalizeHostName,
  normalizeHostPattern,
  parentWildcard,
} from "./host_name.ts";

const LABEL_63 = "a".repeat(63);
/** 253 characters, the most there can be. */
const LONGEST = [LABEL_63, LABEL_63, LABEL_63, "a".repeat(61)].join(".");

const NAMES: readonly [text: string, normal: string][] = [
  ["localhost", "localhost"],
  ["API.Example.COM", "api.example.com"],
  ["api.example.com.", "api.example.com"],
  ["_dmarc.example.com", "_dmarc.example.com"],
  ["a--b.r3---sn-x.test", "a--b.r3---sn-x.test"],
  ["1and1.com", "1and1.com"],
  ["3com", "3com"],
  ["1.2.3.4.test", "1.2.3.4.test"],
  ["b\u00fccher.de", "xn--bcher-kva.de"],
  ["B\u00dcCHER.de.", "xn--bcher-kva.de"],
  // the same letter as two code points
  ["bu\u0308cher.de", "xn--bcher-kva.de"],
  ["xn--bcher-kva.de", "xn--bcher-kva.de"],
  ["XN--BCHER-KVA.de", "xn--bcher-kva.de"],
  // IDNA 2008, not 2003, which made it "fass"
  ["fa\u00df.de", "xn--fa-hia.de"],
  ["\ud55c\uad6d.kr", "xn--3e0b707e.kr"],
  // wide letters, and the dots of UTS 46
  ["\uff41\uff42\uff43.com", "abc.com"],
  ["a\u3002b", "a.b"],
  [`${LABEL_63}.test`, `${LABEL_63}.test`],
  [LONGEST, LONGEST],
  [`${LONGEST}.`, LONGEST],
];

for (const [text, normal] of NAMES) {
  Deno.test(`normalizeHostName() gives ${show(normal)} when it is ${show(text)}`, () => {
    assert.equal(normalizeHostName(text), normal);
    assert.equal(normalizeHostName(normal), normal);
    assert.ok(isHostName(normal));
  });
}

const NO_NAMES = [
  ...["", ".", "..", "a..b", ".a", "a..", "a b", "a/b", "a?b", "a#b", "a:80", "a@b", "a%41"],
  ...["a\tb", "a\nb", "a\0b", "-a.test", "a-.test", "a.-", "*", "*.a.test", "a.*.test", "a*.test"],
  ...["1.2.3.4", "1.2", "1", "a.123", "256.1.1.1", "\uff11.\uff12.\uff13.\uff14", "::1", "[::1]"],
  ...[
    "xn--",
    "xn--a",
    "xn--\u00fc",
    "\u00ad",
    "a\u200d.test",
    "\u00fc a.test",
    "\u00fc/b",
    "\u00fc:1",
  ],
  ...[`${LABEL_63}a.test`, `${"\u00fc".repeat(70)}.de`, `a.${LONGEST}`, `${LONGEST}a`],
];

for (const text of NO_NAMES) {
  Deno.test(`normalizeHostName() gives undefined when it is ${show(text)}`, () => {
    assert.equal(normalizeHostName(text), undefined);
  });
}

Deno.test("isHostName() wants the normal form", () => {
  for (const text of ["A.test", "a.test.", "b\u00fccher.de", "*.a.test", "1.2.3.4", ""]) {
    assert.ok(!isHostName(text), text);
  }
});

Deno.test("normalizeHostName() gives a host name that stays as it is, of any text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ unit: fc.constantFrom(..."aZ0-_.*\u00fc\u3002\u00ad:%"), maxLength: 80 }),
  );
  fc.assert(fc.property(text, (given) => {
    const name = normalizeHostName(given);
    if (name === undefined) return;
    assert.ok(isHostName(name));
    assert.equal(normalizeHostName(name), name);
    assert.equal(ipAddress(name), undefined);
  }));
});

const ADDRESSES: readonly [text: string, canonical: string | undefined][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
  ["2001:db8::0:1", "2001:db8::1"],
  ["::FFFF:1.2.3.4", "::ffff:102:304"],
  ["127.0.0.01", undefined],
  ["0x7f.1", undefined],
  ["1.2.3", undefined],
  ["256.1.1.1", undefined],
  ["1::1::1", undefined],
  ["::g", undefined],
  ["[::1]", undefined],
  ["fe80::1%eth0", undefined],
  ["127.0.0.1 ", undefined],
  ["localhost", undefined],
  ["", undefined],
];

for (const [text, canonical] of ADDRESSES) {
  Deno.test(`ipAddress() gives ${show(canonical)} when it is ${show(text)}`, () => {
    assert.equal(ipAddress(text), canonical);
  });
}

const PATTERNS: readonly [text: string, normal: string | undefined][] = [
  ["A.test.", "a.test"],
  ["*.B\u00dccher.Test.", "*.xn--bcher-kva.test"],
  ["*.test", "*.test"],
  ["::0:1", "::1"],
  ["*", undefined],
  ["*.", undefined],
  ["*.*.test", undefined],
  ["*.1.2.3.4", undefined],
  ["a*.test", undefined],
  ["www.*.test", undefined],
];

for (const [text, normal] of PATTERNS) {
  Deno.test(`normalizeHostPattern() gives ${show(normal)} when it is ${show(text)}`, () => {
    assert.equal(normalizeHostPattern(text), normal);
  });
}

Deno.test("parentWildcard() gives the one wildcard that covers a name", () => {
  for (
    const [name, wildcard] of [
      ["api.example.com", "*.example.com"],
      ["*.example.com", "*.example.com"],
      ["a.b", "*.b"],
      ["localhost", undefined],
      ["", undefined],
      [".a", undefined],
      ["127.0.0.1", undefined],
      ["::ffff:1.2.3.4", undefined],
    ] as const
  ) {
    assert.equal(parentWildcard(name), wildcard, name);
    if (wildcard !== undefined) assert.ok(isWildcard(wildcard));
  }
});

function show(text: string | undefined): string {
  if (text === undefined) return "undefined";
  return JSON.stringify(text.length < 80 ? text : `${text.slice(0, 70)}... (${text.length})`);
}
