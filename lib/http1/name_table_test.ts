import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLatin1 } from "../core/latin1.ts";
import { fieldName, KNOWN_NAMES } from "../http/field_name.ts";
import { TOKEN } from "../http/grammar.ts";
import { hashNameByte, NAME_BYTE, roleOfName } from "./name_table.ts";

/** The role of a name that stands amid other bytes. */
function roleOf(name: string): number {
  const bytes = encodeLatin1(`xx${name}: b`);
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = hashNameByte(hash, NAME_BYTE[bytes[2 + i] as number] as number);
  }
  return roleOfName(bytes, 2, 2 + name.length, hash);
}

Deno.test("NAME_BYTE tells the bytes of a token from others (RFC 9110 5.6.2)", () => {
  for (let byte = 0; byte < 256; byte++) {
    assert.equal(NAME_BYTE[byte] !== 0, TOKEN.test(String.fromCharCode(byte)), String(byte));
  }
});

Deno.test("roleOfName() gives every known name the role that fieldName() gives it", () => {
  assert.ok(KNOWN_NAMES.length > 15);
  for (const key of KNOWN_NAMES) {
    assert.notEqual(fieldName(key).role, 0, key);
    for (const name of [key, key.toUpperCase(), key.replaceAll("-", "_")]) {
      assert.equal(roleOf(name), fieldName(name).role, name);
    }
  }
});

Deno.test("roleOfName() gives names that are like known ones the role that fieldName() gives", () => {
  const near = fc.constantFrom(...KNOWN_NAMES).chain((key) =>
    fc.array(fc.tuple(fc.nat(key.length), fc.constantFrom("", "_", "-", "X", "a")), {
      maxLength: 3,
    }).map((changes) =>
      changes.reduce((name, [at, to]) => name.slice(0, at) + to + name.slice(at + 1), key)
    )
  );
  fc.assert(
    fc.property(near, (name) => {
      assert.equal(roleOf(name), name === "" ? 0 : fieldName(name).role, name);
    }),
    { numRuns: 2000 },
  );
});
