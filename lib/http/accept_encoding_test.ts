import assert from "node:assert/strict";
import * as fc from "fast-check";
import { chooseCoding, CONTENT_CODINGS } from "./accept_encoding.ts";

/** What a client says, and what it gets. */
const CASES: readonly (readonly [values: readonly string[], coding: string | undefined])[] = [
  [[], undefined],
  [[""], undefined],
  [["gzip"], "gzip"],
  [["GZIP"], "gzip"],
  [["x-gzip"], "gzip"],
  [["br"], "br"],
  [["zstd"], "zstd"],
  // what browsers say
  [["gzip, deflate, br, zstd"], "zstd"],
  [["gzip, deflate, br"], "gzip"],
  [["gzip, deflate"], "gzip"],
  [["gzip", "br"], "gzip"],
  [["deflate", "zstd"], "zstd"],
  // weights
  [["gzip;q=0.5, br;q=0.8, zstd;q=0.7"], "br"],
  [["gzip;q=1.0, zstd;q=0.999"], "gzip"],
  [["gzip;q=0.001"], "gzip"],
  [["gzip;q=0"], undefined],
  [["gzip;q=0.000, br;q=0."], undefined],
  [["gzip ; q=0.5 , br ;\tq=0.6"], "br"],
  [["gzip;Q=0.5"], "gzip"],
  // the star is for whatever is not named, identity among it
  [["*"], "zstd"],
  [["*;q=0"], undefined],
  [["*;q=0, gzip"], "gzip"],
  [["zstd;q=0, *"], "gzip"],
  [["gzip;q=0.3, *;q=0.8"], "zstd"],
  [["gzip, *;q=0"], "gzip"],
  // identity
  [["identity"], undefined],
  [["identity;q=0"], undefined],
  [["identity;q=0, gzip"], "gzip"],
  [["identity;q=0.5, gzip;q=1"], "gzip"],
  [["identity;q=1, gzip;q=0.5"], undefined],
  [["identity, gzip"], "gzip"],
  [["identity, *;q=0.5"], undefined],
  // unknown codings
  [["deflate"], undefined],
  [["compress, sdch, gzip;q=0.1"], "gzip"],
  [["gzipped"], undefined],
  // empty members
  [[",, gzip ,"], "gzip"],
  // the lower of two weights
  [["gzip, gzip;q=0"], undefined],
  [["gzip;q=0.2, x-gzip, br;q=0.5"], "br"],
  // malformed
  [["gzip;q=2"], undefined],
  [["gzip;q=1.001"], undefined],
  [["gzip;q=0.1234"], undefined],
  [["gzip;q=-1"], undefined],
  [["gzip;q="], undefined],
  [["gzip;q"], undefined],
  [["gzip;"], undefined],
  [["gzip q=1"], undefined],
  [["gzip;level=1"], undefined],
  [["gzip br"], undefined],
  [['"gzip"'], undefined],
  [["gzip, b(r"], undefined],
  // it takes as long as it is
  [[`gzip, br${" ".repeat(2 ** 20)}x`], undefined],
];

Deno.test("chooseCoding() goes by RFC 9110, section 12.5.3", () => {
  for (const [values, coding] of CASES) assert.equal(chooseCoding(values), coding, String(values));
});

Deno.test("chooseCoding() takes nothing that a client has not allowed", () => {
  const name = fc.constantFrom("gzip", "br", "zstd", "identity", "*", "deflate");
  const members = fc.array(fc.tuple(name, fc.integer({ min: 0, max: 1000 })), { maxLength: 6 });
  fc.assert(fc.property(members, (members) => {
    const chosen = chooseCoding([
      members.map(([name, weight]) => `${name};q=${(weight / 1000).toFixed(3)}`).join(", "),
    ]);
    const weightOf = (name: string) => {
      const own = members.filter(([other]) => other === name).map(([, weight]) => weight);
      return own.length === 0 ? undefined : Math.min(...own);
    };
    const allowed = CONTENT_CODINGS.filter((coding) =>
      (weightOf(coding) ?? weightOf("*") ?? 0) > 0
    );
    if (chosen !== undefined) assert.ok(allowed.includes(chosen));
    else if (weightOf("identity") === undefined) assert.deepEqual(allowed, []);
  }));
});
