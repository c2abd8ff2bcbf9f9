import assert from "node:assert/strict";
import { startBackend, startHttp, unusedPort } from "../../tests/support/backends.ts";
import { startHttp2Server, type TestAnswer } from "../../tests/support/http2_sockets.ts";
import type { HttpProbe } from "./http_probe.ts";
import type { ProbeRules } from "./probe.ts";
import { probe } from "./probe.ts";

const HTTP: HttpProbe = {
  type: "http",
  method: "GET",
  path: "/healthz",
  host: "h",
  expect: [[200, 299], [404, 404]],
  body: undefined,
};

const OPTIONS = {
  ...{ timeout: 20_000, proxyProtocol: undefined, tls: undefined },
  protocol: "http1",
} as const;

const BIG = "x".repeat(50_000);
const answer = (status: number, body: string) =>
  `HTTP/1.1 ${status} OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
/** Whose body comes a byte at a time. */
const piecemeal = (body: string) =>
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
  [...body].map((byte) => `1\r\n${byte}\r\n`).join("") + "0\r\n\r\n";

/** What a server sends, whether it then ends, and what that is to be taken for. */
const ANSWERS: readonly [sent: string, end: boolean, rules: Partial<HttpProbe>, result: string][] =
  [
    [answer(200, "fine"), false, {}, "passed: status 200"],
    [answer(200, BIG), false, {}, "passed: status 200"],
    [answer(404, ""), false, {}, "passed: status 404"],
    [answer(403, "no"), false, {}, "failed: status 403"],
    ["HTTP/1.1 204 No Content\r\n\r\n", false, {}, "passed: status 204"],
    ["HTTP/1.1 103 Early Hints\r\n\r\n" + answer(200, "x"), false, {}, "passed: status 200"],
    [
      "HTTP/1.0 200 OK\r\n\r\nfine",
      true,
      { body: "fine" },
      "passed: status 200 and the body expected",
    ],
    ["HTTP/1.0 200 OK\r\n\r\nfine", false, {}, "passed: status 200"],
    [
      answer(200, BIG + "fine"),
      false,
      { body: "fine" },
      "passed: status 200 and the body expected",
    ],
    [
      piecemeal("f".repeat(8_000) + "fine"),
      false,
      { body: "fine" },
      "passed: status 200 and the body expected",
    ],
    [piecemeal("abc"), false, { body: "c" }, "passed: status 200 and the body expected"],
    [piecemeal("fin-e"), false, { body: "fine" }, "failed: status 200, but not the body expected"],
    [answer(200, "ill"), false, { body: "fine" }, "failed: status 200, but not the body expected"],
    [answer(204, ""), false, { body: "fine" }, "failed: status 204, but not the body expected"],
    [answer(500, "fine"), false, { body: "fine" }, "failed: status 500"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", false, {}, "passed: status 200"],
    ["", false, {}, "failed: no answer in time"],
    ["HTTP/1.1 100 Continue\r\n\r\n", false, {}, "failed: no answer in time"],
    ["", true, {}, "failed: The server closed the connection without an answer"],
    ["SSH-2.0-x\r\n\r\n", false, {}, "failed: The status line is malformed"],
  ];

/** What is waited for more of until the time is over. */
const UNFINISHED: ReadonlySet<string> = new Set([
  ...["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nfine"],
  "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
]);

Deno.test("probe() tells by the answer whether a server is well", async () => {
  let next = ANSWERS[0];
  await using server = await startBackend(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write(next?.[0] ?? "");
    if (next?.[1] === false) await connection.untilGone();
  }, { brokenOff: true });
  const endpoint = { kind: "tcp", host: "127.0.0.1", port: server.port } as const;
  for (next of ANSWERS) {
    const [sent, , rules, expected] = next;
    const options = { ...OPTIONS, timeout: UNFINISHED.has(sent) ? 1_000 : OPTIONS.timeout };
    const { outcome, reason } = await probe(endpoint, { ...HTTP, ...rules }, options);
    const result = `${outcome}: ${reason}`;
    if (expected.includes("malformed")) assert.match(result, /^failed: .*malformed/);
    else assert.equal(result, expected, JSON.stringify(sent.slice(0, 60)));
  }
});

const bytes = (text: string) => new TextEncoder().encode(text);

/** The same by HTTP/2. */
const ANSWERS_BY_HTTP2: readonly [answer: TestAnswer, rules: Partial<HttpProbe>, result: string][] =
  [
    [{ status: 200, body: bytes("fine") }, {}, "passed: status 200"],
    [{ status: 200, body: bytes(BIG) }, {}, "passed: status 200"],
    [{ status: 204 }, {}, "passed: status 204"],
    [{ status: 200 }, { method: "HEAD" }, "passed: status 200"],
    [{ status: 403, body: bytes("no") }, {}, "failed: status 403"],
    [
      { status: 200, body: bytes(BIG + "fine") },
      { body: "fine" },
      "passed: status 200 and the body expected",
    ],
    [
      { status: 200, body: bytes("fine"), trailers: [{ key: "a", value: "b" }] },
      { body: "fine" },
      "passed: status 200 and the body expected",
    ],
    [
      { status: 200, body: bytes("ill") },
      { body: "fine" },
      "failed: status 200, but not the body expected",
    ],
    [{ status: 204 }, { body: "fine" }, "failed: status 204, but not the body expected"],
  ];

Deno.test("probe() asks servers by HTTP/2 that requests are sent to by it", async () => {
  let next: TestAnswer = { status: 500 };
  const asked: string[] = [];
  await using server = startHttp2Server(({ line, fields }) => {
    asked.push(`${line} ${fields.get("user-agent")}`);
    return next;
  });
  const endpoint = { kind: "tcp", host: "127.0.0.1", port: server.port } as const;
  for (const [answer, rules, expected] of ANSWERS_BY_HTTP2) {
    next = answer;
    const options = { ...OPTIONS, timeout: 5_000, protocol: "h2" } as const;
    const { outcome, reason } = await probe(endpoint, { ...HTTP, ...rules }, options);
    assert.equal(`${outcome}: ${reason}`, expected);
  }
  assert.equal(asked[0], "GET /healthz tls-proxy-health");
  assert.equal(asked.length, ANSWERS_BY_HTTP2.length);
  assert.deepEqual(server.errors, []);
});

Deno.test("probe() by HTTP/2 says of a server that it speaks something else", async () => {
  await using server = await startHttp(() => answer(200, "fine"), { brokenOff: true });
  const endpoint = { kind: "tcp", host: "127.0.0.1", port: server.port } as const;
  const options = { ...OPTIONS, timeout: 5_000, protocol: "h2" } as const;
  const { outcome, reason } = await probe(endpoint, HTTP, options);
  assert.equal(outcome, "failed");
  assert.match(reason, /^it does not speak HTTP\/2: /);
});

Deno.test("probe() tells a server that refuses from one that is only ill", async () => {
  const port = await unusedPort();
  const rules: readonly ProbeRules[] = [{ type: "tcp" }, HTTP];
  for (const rule of rules) {
    const tcp = await probe({ kind: "tcp", host: "127.0.0.1", port }, rule, OPTIONS);
    const unix = await probe({ kind: "unix", path: "/nonexistent/sock" }, rule, OPTIONS);
    const name = await probe({ kind: "tcp", host: "nowhere.invalid", port }, rule, {
      ...OPTIONS,
      timeout: 5_000,
    });
    assert.deepEqual([tcp.outcome, unix.outcome, name.outcome], ["refused", "refused", "failed"]);
  }
});

Deno.test("probe() lets a server end in peace", async () => {
  const ends: string[] = [];
  await using server = await startBackend(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write(answer(200, BIG));
    ends.push(await connection.readRest());
  });
  const endpoint = { kind: "tcp", host: "127.0.0.1", port: server.port } as const;
  for (let i = 0; i < 3; i++) await probe(endpoint, HTTP, OPTIONS);
  await server.allGone();
  assert.deepEqual(ends, ["", "", ""]);
});
