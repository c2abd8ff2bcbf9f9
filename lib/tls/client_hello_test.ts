import { joinBytes } from "../core/bytes.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { CAPTURED_HELLOS } from "../../tests/support/client_hellos.ts";
import {
  alertRecord,
  type ClientHello,
  ClientHelloReader,
  MAX_CLIENT_HELLO_BYTES,
  readClientHello,
} from "./client_hello.ts";
import { ALERT, type AlertName } from "./wire.ts";

for (const { client, bytes, versions, sni, alpn } of CAPTURED_HELLOS) {
  Deno.test(`readClientHello() reads the hello of ${client}`, () => {
    const hello = readHello(bytes);
    assert.deepEqual(hello.versions, versions);
    assert.equal(hello.sni, sni);
    assert.deepEqual(hello.alpn, alpn);
    assert.ok(hello.cipherSuites.includes(0x1301) || hello.cipherSuites.includes(0xc02f));
    assert.ok(hello.signatureAlgorithms.includes(0x0403), "ecdsa_secp256r1_sha256");
    assert.ok(hello.groups.includes(23), "secp256r1");
  });

  Deno.test(`readClientHello() reports incomplete for every prefix of the hello of ${client}`, () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(
        readClientHello(bytes.subarray(0, length)).kind,
        "incomplete",
        `${length} bytes`,
      );
    }
  });

  Deno.test(`readClientHello() reads the hello of ${client} when it is split over records`, () => {
    for (const size of [1, 2, 3, 4, 5, 7, 64, 200]) {
      const split = records(bytes.subarray(5), size);
      assert.deepEqual(readHello(split), readHello(bytes), `${size} bytes a record`);
      assert.equal(readClientHello(split.subarray(0, -1)).kind, "incomplete");
    }
  });

  Deno.test(`readClientHello() leaves alone what follows the hello of ${client}`, () => {
    for (const next of [[20, 3, 3, 0, 1, 1], [23, 3, 3], [0], [22, 9]]) {
      assert.deepEqual(readHello(Uint8Array.of(...bytes, ...next)), readHello(bytes));
    }
  });
}

Deno.test("readClientHello() reads a hello without extensions when it is one of TLS 1.2", () => {
  assert.deepEqual(readHello(records(message(bodyWith(undefined)))), {
    versions: [0x0303],
    sni: undefined,
    alpn: [],
    cipherSuites: [0x1301],
    signatureAlgorithms: [],
    groups: [],
    ticket: undefined,
  });
});

Deno.test("readClientHello() takes a legacy version above TLS 1.2 as TLS 1.2", () => {
  assert.deepEqual(readHello(records(message([3, 4, ...bodyWith([]).slice(2)]))).versions, [
    0x0303,
  ]);
});

Deno.test("readClientHello() reads a hello of nearly 64 KiB over several records", () => {
  const padding = (length: number) => records(message(bodyWith(extension(21, zeros(length)))));
  const long = padding(MAX_CLIENT_HELLO_BYTES - 80);
  assert.ok(long.length > MAX_CLIENT_HELLO_BYTES - 100 && long.length <= MAX_CLIENT_HELLO_BYTES);
  assert.equal(readClientHello(long).kind, "hello");
});

Deno.test("readClientHello() reads a hello that has as many entries of each list as may be", () => {
  assert.equal(readHello(hello({ suites: numbers(512) })).cipherSuites.length, 512);
  const { signatureAlgorithms } = readHello(withExtensions(extension(13, vector16(numbers(512)))));
  assert.equal(signatureAlgorithms.length, 512);
  assert.equal(readHello(withExtensions(protocols(512))).alpn.length, 512);
  // what is behind them is not looked at
  assert.equal(readHello(withExtensions(protocols(10_000))).alpn.length, 512);
  assert.equal(readHello(withExtensions(emptyExtensions(512))).sni, undefined);
});

Deno.test("readClientHello() reads all groups of a hello that has many", () => {
  const { groups } = readHello(withExtensions(supportedGroups(512)));
  assert.deepEqual(groups, Array.from({ length: 512 }, (_, index) => index));
});

Deno.test("readClientHello() gives the first ticket that is offered, of TLS 1.3 before 1.2", () => {
  const old = extension(35, [1, 2, 3]);
  const identity = (ticket: readonly number[]) => [...vector16(ticket), 0, 0, 0, 9];
  const binders = vector16([32, ...zeros(32), 32, ...zeros(32)]);
  const keys = extension(41, [...vector16([...identity([7, 8]), ...identity([9])]), ...binders]);
  const ticketOf = (extensions: readonly number[]) => readHello(withExtensions(extensions)).ticket;
  assert.equal(ticketOf([]), undefined);
  assert.equal(ticketOf(extension(35, [])), undefined, "it only asks for one");
  assert.deepEqual(ticketOf(old), Uint8Array.of(1, 2, 3));
  assert.deepEqual(ticketOf(keys), Uint8Array.of(7, 8));
  assert.deepEqual(ticketOf([...old, ...keys]), Uint8Array.of(7, 8));
  for (const broken of [[], [0, 9, 0, 1], [0, 2, 0, 1]]) {
    assertInvalid(withExtensions(extension(41, broken)), "decode_error");
  }
});

const SERVER_NAMES: readonly [sent: string, read: string | undefined][] = [
  ["example.com", "example.com"],
  ["EXAMPLE.Com.", "example.com"],
  ["localhost", "localhost"],
  ["_dmarc.xn--bcher-kva.example", "_dmarc.xn--bcher-kva.example"],
  ["127.0.0.1", undefined],
  ["::1", undefined],
  ["2001:DB8::1", undefined],
  ["::ffff:10.0.0.1", undefined],
  ["[2001:db8::1]", undefined],
];

for (const [sent, read] of SERVER_NAMES) {
  Deno.test(`readClientHello() gives ${read} when the server name is ${sent}`, () => {
    assert.equal(readHello(withExtensions(serverName(sent))).sni, read);
  });
}

Deno.test("readClientHello() passes over server names of an unknown type", () => {
  const list = vector16([7, ...vector16([1, 2]), 0, ...vector16(ascii("a.test"))]);
  assert.equal(readHello(withExtensions(extension(0, list))).sni, "a.test");
});

for (
  const [name, sent] of [
    ["a dot", "."],
    ["one with NUL", "a.test\0.b.test"],
    ["one with a space", "a test"],
    ["one with a slash", "a/b"],
    ["a wildcard", "*.test"],
    ["a name in brackets", "[a.test]"],
    ["half in brackets", "[::1"],
    ["one with an empty label", "a..test"],
    ["one with a byte above ASCII", "b\u00fccher.test"],
    ["one with a label over 63 bytes", `${"a".repeat(64)}.test`],
    ["over 255 bytes", `${"a.".repeat(127)}aa`],
  ] as const
) {
  Deno.test(`readClientHello() refuses the hello when the server name is ${name}`, () => {
    assertInvalid(withExtensions(serverName(sent)), "illegal_parameter");
  });
}

/** What is wrong, the bytes, the alert; each also when more follows. */
const MALFORMED: readonly [name: string, bytes: Uint8Array, alert: AlertName][] = [
  ["an alert record", Uint8Array.of(21), "unexpected_message"],
  ["an application data record", Uint8Array.of(23, 3, 3), "unexpected_message"],
  ["a greeting of SSH", bytesOf("SSH-2.0-"), "unexpected_message"],
  ["a method of no kind", bytesOf("GETS"), "unexpected_message"],
  ["an SSLv2 hello", Uint8Array.of(0x80, 0x2e, 1, 0, 2), "protocol_version"],
  ["a record of major version 2", Uint8Array.of(22, 2), "protocol_version"],
  ["an empty record", Uint8Array.of(22, 3, 1, 0, 0), "unexpected_message"],
  [
    "an empty second record",
    Uint8Array.of(22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 0),
    "unexpected_message",
  ],
  ["a record over 2^14 bytes", Uint8Array.of(22, 3, 1, 0x40, 1), "record_overflow"],
  ["another record in between", Uint8Array.of(22, 3, 1, 0, 1, 1, 20), "unexpected_message"],
  ["a ServerHello", Uint8Array.of(22, 3, 1, 0, 99, 2), "unexpected_message"],
  ["a message over 64 KiB", Uint8Array.of(22, 3, 1, 0, 99, 1, 1, 0, 0), "illegal_parameter"],
  ["data after the hello", records([...message(bodyWith([])), 11]), "unexpected_message"],
  ["an empty message", records(message([])), "decode_error"],
  ["SSL 3.0", records(message([3, 0, ...bodyWith([]).slice(2)])), "protocol_version"],
  ["a session id over 32 bytes", hello({ session: zeros(33) }), "decode_error"],
  ["no cipher suites", hello({ suites: [] }), "decode_error"],
  ["half a cipher suite", hello({ suites: [0x13, 1, 0x13] }), "decode_error"],
  ["no compression method", hello({ compression: [] }), "decode_error"],
  ["bytes after the extensions", records(message([...bodyWith([]), 0])), "decode_error"],
  ["half an extension", withExtensions([0, 5, 0]), "decode_error"],
  ["an extension longer than the list", withExtensions([0, 5, 0, 2, 1]), "decode_error"],
  ["an extension sent twice", withExtensions([0, 5, 0, 0, 0, 5, 0, 0]), "illegal_parameter"],
  ["an empty server_name", withExtensions(extension(0, [])), "decode_error"],
  ["no server name in the list", withExtensions(extension(0, [0, 0])), "decode_error"],
  ["an empty server name", withExtensions(serverName("")), "decode_error"],
  [
    "bytes after the server names",
    withExtensions(extension(0, [...vector16([0, ...vector16(ascii("a.test"))]), 0])),
    "decode_error",
  ],
  [
    "two server names",
    withExtensions(
      extension(0, vector16([0, ...vector16(ascii("a")), 0, ...vector16(ascii("b"))])),
    ),
    "illegal_parameter",
  ],
  ["no protocol name in the list", withExtensions(extension(16, [0, 0])), "decode_error"],
  ["an empty protocol name", withExtensions(extension(16, [0, 1, 0])), "decode_error"],
  ["a protocol name past the list", withExtensions(extension(16, [0, 2, 2, 1])), "decode_error"],
  ["no supported version", withExtensions(extension(43, [0])), "decode_error"],
  ["half a supported version", withExtensions(extension(43, [3, 3, 4, 3])), "decode_error"],
  ["bytes after the versions", withExtensions(extension(43, [2, 3, 4, 3])), "decode_error"],
  ["no signature algorithm", withExtensions(extension(13, [0, 0])), "decode_error"],
  ["more groups than there are", withExtensions(supportedGroups(513)), "illegal_parameter"],
  ["more cipher suites than there are", hello({ suites: numbers(513) }), "illegal_parameter"],
  [
    "more signature algorithms than there are",
    withExtensions(extension(13, vector16(numbers(513)))),
    "illegal_parameter",
  ],
  ["more extensions than there are", withExtensions(emptyExtensions(513)), "illegal_parameter"],
];

for (const [name, bytes, alert] of MALFORMED) {
  Deno.test(`readClientHello() refuses ${name}`, () => {
    assertInvalid(bytes, alert);
    assertInvalid(Uint8Array.of(...bytes, 1, 2, 3), alert);
  });
}

Deno.test("readClientHello() says so when a PROXY header comes that nobody looks for", () => {
  const headers = ["PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"];
  for (const header of headers) {
    const reading = readClientHello(bytesOf(header));
    assert.ok(reading.kind === "invalid", header);
    assert.match(
      reading.reason,
      /^a PROXY header, of a peer that proxy_protocol\.from does not name$/,
    );
    assert.equal(reading.alert, ALERT.unexpected_message);
  }
  // what may become one is refused at once, too
  assertInvalid(bytesOf("\r\n"), "unexpected_message");
});

Deno.test("readClientHello() is never incomplete when it has 64 KiB", () => {
  for (const size of [1, 3, 500]) {
    const endless = records([1, 0, 0xff, 0, ...zeros(65000)], size);
    assertInvalid(endless.subarray(0, MAX_CLIENT_HELLO_BYTES), "illegal_parameter");
  }
});

for (
  const start of ["GET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1", "PATCH /", "PRI * HTTP/2.0\r\n\r\nSM"]
) {
  Deno.test(`readClientHello() tells plain HTTP when it begins with ${start.trim()}`, () => {
    const decided = start.startsWith("PRI") ? 14 : start.indexOf(" ") + 1;
    for (let length = 0; length <= start.length; length++) {
      const kind = readClientHello(bytesOf(start.slice(0, length))).kind;
      assert.equal(kind, length < decided ? "incomplete" : "plain_http", `${length} bytes`);
    }
  });
}

Deno.test("readClientHello() gives one of its kinds and keeps to it for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), assertSteady), { numRuns: 500 });
});

Deno.test("readClientHello() gives one of its kinds and keeps to it for mutated hellos", () => {
  const mutated = fc.record({
    hello: fc.constantFrom(...CAPTURED_HELLOS.map(({ bytes }) => bytes)),
    edits: fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 6 }),
    cut: fc.option(fc.tuple(fc.nat(600), fc.nat(8)), { nil: undefined }),
    recordSize: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
  }).map(({ hello, edits, cut, recordSize }) => {
    const bytes = Array.from(
      recordSize === undefined ? hello : records(hello.slice(5), recordSize),
    );
    for (const [at, value] of edits) bytes[at % bytes.length] = value;
    if (cut !== undefined) bytes.splice(cut[0] % bytes.length, cut[1]);
    return Uint8Array.from(bytes);
  });
  fc.assert(fc.property(mutated, assertSteady), { numRuns: 1000 });
});

Deno.test("alertRecord() is a fatal alert in a record of its own", () => {
  assert.deepEqual(alertRecord(112), Uint8Array.of(0x15, 3, 3, 0, 2, 2, 112));
  assert.deepEqual([0, 255].map((description) => alertRecord(description)[6]), [0, 255]);
  assert.throws(() => alertRecord(256), RangeError);
  assert.throws(() => alertRecord(-1), RangeError);
  assert.throws(() => alertRecord(1.5), RangeError);
});

Deno.test("ClientHelloReader keeps no more of a hello in thousands of records than their bytes", () => {
  const message = Uint8Array.of(1, 0, 0x40, 0, 3, 3, ...new Uint8Array(10_000));
  const records = new Uint8Array(message.length * 6);
  for (const [i, byte] of message.entries()) records.set([22, 3, 1, 0, 1, byte], i * 6);
  const readers = Array.from({ length: 100 }, () => new ClientHelloReader());
  const before = Deno.memoryUsage().heapUsed;
  for (const reader of readers) assert.equal(reader.read(records).kind, "incomplete");
  const each = (Deno.memoryUsage().heapUsed - before) / readers.length;
  assert.ok(each < 512 * 1024, `${each} bytes for each`);
  // they are still there
  for (const reader of readers) assert.equal(reader.read(records).kind, "incomplete");
});

/** Whatever was told of a prefix, but "incomplete", is told of all that continues it. */
function assertSteady(bytes: Uint8Array): void {
  const last = readClientHello(bytes).kind;
  let decided: string = "incomplete";
  for (let length = 0; length <= bytes.length; length++) {
    const { kind } = readClientHello(bytes.subarray(0, length));
    assert.ok(["incomplete", "hello", "plain_http", "invalid"].includes(kind));
    if (decided !== "incomplete") assert.equal(kind, decided);
    decided = kind;
  }
  assert.equal(decided, last);
}

function readHello(bytes: Uint8Array): ClientHello {
  const reading = readClientHello(bytes);
  assert.ok(reading.kind === "hello", JSON.stringify(reading));
  return reading.hello;
}

function assertInvalid(bytes: Uint8Array, alert: AlertName): void {
  const reading = readClientHello(bytes);
  assert.ok(reading.kind === "invalid", JSON.stringify(reading));
  assert.equal(reading.alert, ALERT[alert], reading.reason);
}

// Builders of hellos, right or wrong.

function records(message: ArrayLike<number>, size = 16384): Uint8Array {
  const bytes = Uint8Array.from(message);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const fragment = bytes.subarray(at, at + size);
    parts.push(Uint8Array.of(22, 3, 1, fragment.length >> 8, fragment.length & 255), fragment);
  }
  return joinBytes(parts);
}

function message(body: readonly number[]): number[] {
  return [1, body.length >> 16, (body.length >> 8) & 255, body.length & 255, ...body];
}

interface HelloParts {
  readonly session?: readonly number[];
  readonly suites?: readonly number[];
  readonly compression?: readonly number[];
}

function hello(parts: HelloParts): Uint8Array {
  return records(message(bodyWith([], parts)));
}

function bodyWith(extensions: readonly number[] | undefined, parts: HelloParts = {}): number[] {
  const { session = [], suites = [0x13, 1], compression = [0] } = parts;
  return [
    ...[3, 3, ...zeros(32), session.length, ...session],
    ...[...vector16(suites), compression.length, ...compression],
    ...(extensions === undefined ? [] : vector16(extensions)),
  ];
}

function withExtensions(extensions: readonly number[]): Uint8Array {
  return records(message(bodyWith(extensions)));
}

function extension(type: number, data: readonly number[]): number[] {
  return [0, type, ...vector16(data)];
}

function serverName(name: string): number[] {
  return extension(0, vector16([0, ...vector16(ascii(name))]));
}

function supportedGroups(count: number): number[] {
  return extension(10, vector16(numbers(count)));
}

/** So many of two bytes each. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => [index >> 8, index & 255]).flat();
}

/** Of types that nobody knows. */
function emptyExtensions(count: number): number[] {
  return Array.from({ length: count }, (_, index) => [0xe0 + (index >> 8), index & 255, 0, 0])
    .flat();
}

function protocols(count: number): number[] {
  const names = Array.from({ length: count }, (_, index) => [1, index & 255]);
  return extension(16, vector16(names.flat()));
}

function vector16(data: readonly number[]): number[] {
  return [data.length >> 8, data.length & 255, ...data];
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(ascii(text));
}
