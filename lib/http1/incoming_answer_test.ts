import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BAD_ANSWERS,
  GOOD_ANSWERS,
  LARGE_ANSWERS,
  UNTIL_CLOSE_ANSWERS,
} from "../../tests/support/answers.ts";
import { fromLatin1, latin1 } from "../../tests/support/connection.ts";
import { head } from "../../tests/support/good_requests.ts";
import { mutated } from "../../tests/support/mutate.ts";
import { REAL_ANSWERS } from "../../tests/support/real_heads.ts";
import { ProxyError } from "../core/errors.ts";
import { type Field, hasRole, valuesOf } from "../http/field.ts";
import { ROLE } from "../http/field_name.ts";
import { endToEndFields } from "../http/hop_fields.ts";
import { changedFields } from "../http/changed_fields.ts";
import type { AnswerTerms, FieldChanges, Range } from "../http/message.ts";
import { HEAD_ROOM, RoomyBuffer } from "../io/roomy_buffer.ts";
import { bodyOf } from "./framing.ts";
import { parseResponseHead } from "./head.ts";
import { IncomingAnswer } from "./incoming_answer.ts";
import type { Asked, JudgedAnswer } from "./judge_answer.ts";
import { keepsAlive } from "./persistence.ts";
import { PlainAnswer } from "./plain_answer.ts";
import { ResponseDecoder } from "./response_decoder.ts";
import { clientAnswer } from "./response_rewrite.ts";
import { TextAnswer } from "./text_answer.ts";
import { upgradeFields } from "./upgrade.ts";

/** Milliseconds since 1970, of every answer that does not say so itself. */
const NOW = 7_000;
const LIMITS = { headerBytes: 1024, headers: 20 };

const CHANGES: readonly (FieldChanges | undefined)[] = [
  undefined,
  {
    remove: new Set(["server", "set-cookie", "strict-transport-security", "a"]),
    add: [{ name: "Strict-Transport-Security", value: "max-age=1" }],
  },
  { remove: new Set(["via", "date", "content-length"]), add: [{ name: "B", value: "" }] },
  // more than there is room for before the head
  { remove: new Set(), add: [{ name: "D", value: "d".repeat(HEAD_ROOM) }] },
  // behind what is there of the same names
  {
    remove: new Set(["server"]),
    add: [{ name: "C", value: "e" }, { name: "Set-Cookie", value: "a=b" }],
  },
];

const TERMS: readonly AnswerTerms[] = [0, 1].flatMap((minor) =>
  [true, false].flatMap((keepAlive) =>
    [true, false].map((via) => (
      { method: "GET", minor: minor as 0 | 1, keepAlive, via, changes: undefined }
    ))
  )
);

/** With rules, too. */
const ALL_TERMS = TERMS.flatMap((terms) => CHANGES.map((changes) => ({ ...terms, changes })));

const ASKED: readonly Asked[] = [
  { method: "GET" },
  { method: "HEAD" },
  { method: "GET", upgrade: ["websocket"] },
];

/** As long as what is plain, and other than that by a little. */
const ALMOST_PLAIN = [
  ...["CHUNKED", "chunkee", "xhunked"].map((coding) => `Transfer-Encoding: ${coding}`),
  ...["Keep-Alivf", "Xeep-alive", "closf", "CLOSE", "keep-alive, close", "a"]
    .map((option) => `Connection: ${option}`),
  ...["00", "03", "3x", "x3", "-3", "123456789012345", "1234567890123456"]
    .map((length) => `Content-Length: ${length}`),
  ...["chunked", "close"].map((value) => `Proxy-Connection: ${value}`),
].map((line) => head("HTTP/1.1 299 OK", "A: b", line, "C: d"));

/** Where `Upgrade` means something, and statuses that have no body or are not final. */
const ODD_STATUSES = ["199 A", "200 OK", "204 None", "304 Same", "426 Upgrade"].flatMap((status) =>
  [["Upgrade: h2c"], ["Upgrade: h2c", "Connection: upgrade"], ["Content-Length: 3"]].map((lines) =>
    head(`HTTP/1.1 ${status}`, "A: b", ...lines)
  )
);

const ALL_ANSWERS = [
  ...ALMOST_PLAIN,
  ...ODD_STATUSES,
  ...[...GOOD_ANSWERS, ...UNTIL_CLOSE_ANSWERS].map(({ bytes }) => bytes),
  ...BAD_ANSWERS.map(([, , bytes]) => bytes),
  ...LARGE_ANSWERS.map(([, bytes]) => bytes),
  ...Object.values(REAL_ANSWERS).map((make) => make(7)),
];

Deno.test("IncomingAnswer says what the slow way says, whole and byte by byte", () => {
  for (const text of ALL_ANSWERS) {
    for (const asked of ASKED) for (const terms of TERMS) check(text, asked, terms);
    for (const changes of CHANGES) check(text, { method: "GET" }, { ...GET, changes });
  }
});

Deno.test("IncomingAnswer says what the slow way says of damaged heads", () => {
  const real = Object.values(REAL_ANSWERS).map((make) => make(3));
  const cases = fc.oneof(mutated(real), mutated(ALL_ANSWERS)).map(latin1);
  fc.assert(
    fc.property(cases, fc.constantFrom(...ASKED), fc.constantFrom(...ALL_TERMS), check),
    { numRuns: 2000 },
  );
});

const PLAIN = ["nginx", "an application", "an old server", "a cache", "continue", "a login"];

for (const name of PLAIN) {
  Deno.test(`PlainAnswer takes the head of ${name}, and rewrites it`, () => {
    const buffer = filled(REAL_ANSWERS[name]?.(7) ?? "");
    const plain = new PlainAnswer();
    plain.begin(HEAD_ROOM);
    const read = plain.read(buffer, buffer.bytes.length, { method: "GET", maxFields: 100 });
    assert.equal(read, "whole");
    assert.equal(plain.rewrite(buffer.bytes, { ...GET, keepAlive: false }, () => NOW), true);
  });
}

Deno.test("PlainAnswer does what a rule says, but for fields that are written here", () => {
  for (const [changes, isPlain] of [[CHANGES[1], true], [CHANGES[2], false]] as const) {
    const buffer = filled(REAL_ANSWERS["nginx"]?.(7) ?? "");
    const plain = new PlainAnswer();
    plain.begin(HEAD_ROOM);
    plain.read(buffer, buffer.bytes.length, { method: "GET", maxFields: 100 });
    assert.equal(plain.rewrite(buffer.bytes, { ...GET, changes }, () => NOW), isPlain);
  }
});

Deno.test("IncomingAnswer.makeRoom() leaves so many bytes free between head and body", () => {
  for (const name of ["an old server", "nginx", "a cache", "apache"]) {
    const text = REAL_ANSWERS[name]?.(7) ?? "";
    const expected = textOf(read(text).toHttp1(GET));
    const buffer = filled(text + "body");
    const answer = read("", { buffer });
    const bodyAt = answer.end;
    answer.makeRoom(9);
    assert.equal(answer.end, bodyAt - 9);
    // the frame of a chunk is put there before the head is rendered
    buffer.bytes.fill(0x21, answer.end, bodyAt);
    const sent = answer.toHttp1(GET);
    assert.equal(textOf(sent), expected);
    assert.equal(sent.to, bodyAt - 9);
    assert.equal(latin1(buffer.bytes.subarray(sent.to)), "!!!!!!!!!body");
  }
});

Deno.test("IncomingAnswer.toHttp1() does what a rule says, and keeps the framing", () => {
  const changes = {
    remove: new Set(["server", "content-length", "date"]),
    add: [{ name: "Strict-Transport-Security", value: "max-age=1" }],
  };
  const answer = read(REAL_ANSWERS["nginx"]?.(0) ?? "");
  const sent = textOf(answer.toHttp1({ ...GET, changes }));
  assert.match(sent, /\r\nContent-Length: 711\r\n/);
  assert.doesNotMatch(sent, /nginx|Date:|Connection/);
  assert.match(sent, /\r\nStrict-Transport-Security: max-age=1\r\n/);
});

Deno.test("IncomingAnswer.each() gives what HTTP/2 may have", () => {
  const fieldsOf = (text: string) => {
    const fields: string[] = [];
    read(text).each((name, value) => fields.push(`${name}: ${value}`), undefined);
    return fields;
  };
  const date = "date: Thu, 01 Jan 1970 00:00:07 GMT";
  assert.deepEqual(
    fieldsOf(head("HTTP/1.1 200 OK", "Connection: A", "A: b", "Set-Cookie: C", "Keep-Alive: d")),
    ["set-cookie: C", date],
  );
  const chunked = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "B: c");
  assert.deepEqual(fieldsOf(chunked), ["b: c", date]);
  assert.deepEqual(fieldsOf(head("HTTP/1.0 200 OK", "Content-Length: 3")), [
    "content-length: 3",
    date,
  ]);
  // what it asks to be upgraded to is not for HTTP/2 (RFC 9113, section 8.2.2)
  const demand = ["Upgrade: TLS/1.3", "Connection: Upgrade", "Content-Length: 0", "A: b"];
  assert.deepEqual(fieldsOf(head("HTTP/1.1 426 Upgrade Required", ...demand)), [
    "a: b",
    "content-length: 0",
    date,
  ]);
});

Deno.test("IncomingAnswer.each() gives of a plain head what it gives of any other", () => {
  for (const text of ALL_ANSWERS) {
    for (const asked of ASKED) {
      const buffer = filled(text);
      const slow = new TextAnswer(LIMITS);
      try {
        incoming.begin(HEAD_ROOM, asked, LIMITS);
        if (!incoming.read(buffer, buffer.bytes.length)) continue;
        slow.read(fromLatin1(text), asked);
      } catch {
        continue;
      }
      const [fast, expected]: [string[], string[]] = [[], []];
      incoming.each((name, value) => fast.push(`${name}: ${value}`), undefined);
      const { method } = asked;
      const terms = { method, changes: undefined, now: NOW };
      slow.each((name, value) => expected.push(`${name}: ${value}`), terms);
      // the length of a body may stand anywhere
      assert.deepEqual(fast.sort(), expected.sort(), JSON.stringify(text));
    }
  }
});

Deno.test("IncomingAnswer tells the time of an answer, not of the one before it", () => {
  let now = 0;
  const answer = new IncomingAnswer(() => now);
  const text = head("HTTP/1.1 200 OK", "Content-Length: 0");
  const seconds = [0, 999, 1000, 1999, 3000].map((at) => {
    now = at;
    const buffer = filled(text);
    answer.begin(HEAD_ROOM, { method: "GET" }, LIMITS);
    assert.equal(answer.read(buffer, buffer.bytes.length), true);
    return /\r\nDate: .*(\d\d) GMT\r\n/.exec(textOf(answer.toHttp1(GET)))?.[1];
  });
  assert.deepEqual(seconds, ["00", "00", "01", "01", "03"]);
});

Deno.test("IncomingAnswer reads the answer behind an interim one", () => {
  const buffer = filled(head("HTTP/1.1 100 Continue") + head("HTTP/1.1 200 OK", "A: b"));
  const answer = read("", { buffer });
  assert.equal(answer.status, 100);
  assert.equal(textOf(answer.toHttp1(GET)), "HTTP/1.1 100 Continue\r\n\r\n");
  answer.begin(answer.end, { method: "GET" }, LIMITS);
  assert.equal(answer.isInside, false);
  assert.equal(answer.read(buffer, buffer.bytes.length), true);
  assert.deepEqual([answer.status, answer.values("a")], [200, ["b"]]);
});

const GET: AnswerTerms = {
  method: "GET",
  minor: 1,
  keepAlive: true,
  via: false,
  changes: undefined,
};

function filled(text: string): RoomyBuffer {
  const buffer = new RoomyBuffer(HEAD_ROOM + text.length);
  buffer.bytes.set(fromLatin1(text), HEAD_ROOM);
  return buffer;
}

function read(text: string, { buffer = filled(text) } = {}): IncomingAnswer {
  const answer = new IncomingAnswer(() => NOW);
  answer.begin(HEAD_ROOM, { method: "GET" }, LIMITS);
  assert.equal(answer.read(buffer, buffer.bytes.length), true);
  return answer;
}

function textOf({ bytes, from, to }: Range): string {
  return latin1(bytes.subarray(from, to));
}

/** One connection's object for all of them, as what one head leaves behind must not reach another. */
const incoming = new IncomingAnswer(() => NOW);

/** Compares what is said of the first answer of a connection's bytes, and when. */
function check(text: string, asked: Asked, given: AnswerTerms): void {
  const bytes = fromLatin1(text);
  const terms = { ...given, method: asked.method };
  const everywhere = Array.from(bytes, (_, at) => at + 1);
  const cut = 1 + text.length * 7919 % Math.max(1, bytes.length);
  for (const places of [[bytes.length], everywhere, [cut, bytes.length]]) {
    const expected = bySlowWay(bytes, { asked, terms, places });
    assert.deepEqual(byIncoming(bytes, { asked, terms, places }), expected, JSON.stringify(text));
  }
}

interface Way {
  readonly asked: Asked;
  readonly terms: AnswerTerms;
  /** Where the bytes are cut. */
  readonly places: readonly number[];
}

function bySlowWay(bytes: Uint8Array, { asked, terms, places }: Way): unknown {
  const decoder = new ResponseDecoder(LIMITS);
  decoder.expect(asked.method, asked.upgrade);
  let fed = 0;
  for (const place of places) {
    const [part] = decoder.feed(bytes.slice(fed, place));
    fed = place;
    if (part?.kind === "failure") return failed(part.error, place);
    if (part?.kind === "head") return { place, ...slowFacts(part, terms) };
    assert.equal(part, undefined);
  }
  return { isInside: fed > 0 };
}

function byIncoming(bytes: Uint8Array, { asked, terms, places }: Way): unknown {
  const buffer = new RoomyBuffer(HEAD_ROOM + bytes.length);
  incoming.begin(HEAD_ROOM, asked, LIMITS);
  for (const place of places) {
    try {
      buffer.bytes.set(bytes.subarray(0, place), HEAD_ROOM);
      if (!incoming.read(buffer, HEAD_ROOM + place)) continue;
    } catch (error) {
      assert.ok(error instanceof ProxyError, String(error));
      return failed(error, place);
    }
    const rest = latin1(bytes.subarray(incoming.end - HEAD_ROOM, place));
    const facts = { place, ...incomingFacts(terms) };
    const sent = incoming.toHttp1(terms);
    const isInPlace = sent.bytes === buffer.bytes;
    if (isInPlace) assert.equal(sent.to, incoming.end, "the body lies right behind the head");
    assert.equal(latin1(buffer.bytes.subarray(incoming.end, HEAD_ROOM + place)), rest);
    return facts;
  }
  return { isInside: incoming.isInside };
}

function failed({ code, message }: ProxyError, place: number) {
  return { code, message, place };
}

function slowFacts({ head, framing }: JudgedAnswer, terms: AnswerTerms) {
  return {
    status: head.status,
    body: bodyOf(framing),
    isChunked: framing.kind === "chunked",
    goesOn: framing.kind !== "until_close" && keepsAlive(head),
    values: NAMES.map((name) => valuesOf(head.fields, name)),
    roles: Object.values(ROLE).filter((role) => hasRole(head.fields, role)),
    sentLine: `${head.status} ${head.reason}`,
    sent: sorted(slowFields({ head, framing }, terms)),
  };
}

function slowFields(answer: JudgedAnswer, terms: AnswerTerms): readonly Field[] {
  return changedFields(unchangedFields(answer, terms), terms.changes);
}

function unchangedFields(answer: JudgedAnswer, terms: AnswerTerms): readonly Field[] {
  const { status, fields } = answer.head;
  if (status >= 200) return clientAnswer(answer, terms, NOW).fields;
  const upgrade = status === 101 ? upgradeFields(valuesOf(fields, "upgrade")) : [];
  return [...endToEndFields(fields), ...upgrade];
}

function incomingFacts(terms: AnswerTerms) {
  const { status, body, isChunked, goesOn } = incoming;
  const values = NAMES.map((name) => incoming.values(name));
  const roles = Object.values(ROLE).filter((role) => incoming.has(role));
  const { bytes, from, to } = incoming.toHttp1(terms);
  const sent = parseResponseHead(bytes.slice(from, to), Infinity);
  assert.equal(sent.minor, 1);
  const sentLine = `${sent.status} ${sent.reason}`;
  return { status, body, isChunked, goesOn, values, roles, sentLine, sent: sorted(sent.fields) };
}

/** Names that are asked for, with a role and without. */
const NAMES = ["server", "set-cookie", "keep-alive", "content-length", "www-authenticate", "a"];

/** Fields of different names may stand in any order (RFC 9110, section 5.3). */
function sorted(fields: readonly Field[]): string[] {
  return fields.map(({ key, value }, at) => ({ key, line: `${key}: ${value}`, at }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.at - b.at)
    .map(({ line }) => line);
}
