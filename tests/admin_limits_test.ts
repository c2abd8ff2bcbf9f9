import assert from "node:assert/strict";
import { unusedPort } from "./support/backends.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { readAnswer } from "./support/http.ts";
import { connectTcp } from "./support/tls_client.ts";

/** What the admin listener has at the most. */
const [CONNECTIONS, STREAMS] = [64, 16];

interface Admin extends AsyncDisposable {
  readonly proxy: ConfiguredProxy;
  readonly port: number;
  /** A connection that has sent this and nothing else. */
  sent(text: string): Promise<TestConnection>;
  /** The status of the answer to these bytes. */
  status(text: string): Promise<string>;
}

async function startAdmin(): Promise<Admin> {
  const port = await unusedPort();
  const proxy = await startConfigured({
    backends: { app: "127.0.0.1:9" },
    settings: { admin: { listen: `127.0.0.1:${port}` } },
  });
  const sent = async (text: string) => {
    const client = await connectTcp(port);
    await client.write(text);
    return client;
  };
  return {
    proxy,
    port,
    sent,
    async status(text) {
      using client = await sent(text);
      const line = await client.readUntil("\r\n");
      return line.split(" ")[1] ?? "";
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

const HOST = "Host: localhost\r\n";

Deno.test("admin answers what is no request of its own with what was wrong", async () => {
  await using admin = await startAdmin();
  const cases: readonly [request: string, status: string][] = [
    [`GET /healthz HTTP/1.1\r\n${HOST}\r\n`, "200"],
    [`GET http://localhost/healthz HTTP/1.1\r\n${HOST}\r\n`, "200"],
    [`GET /x/../healthz?a HTTP/1.1\r\n${HOST}\r\n`, "200"],
    [`GET /healthz HTTP/1.0\r\n${HOST}\r\n`, "200"],
    ["GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", "400"],
    ["GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"],
    ["GET /healthz HTTP/1.1\r\nHost: a:b:c\r\n\r\n", "400"],
    ["GET /healthz HTTP/1.1\r\nHost: \xff\r\n\r\n", "400"],
    ["GET /healthz HTTP/1.1\r\n\r\n", "400"],
    [`GET /healthz HTTP/1.1\r\n${HOST}${HOST}\r\n`, "400"],
    [`GET //[ HTTP/1.1\r\n${HOST}\r\n`, "404"],
    ["hello\r\n\r\n", "400"],
    [`GET /${"a".repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, "414"],
    [`GET / HTTP/1.1\r\n${HOST}A: ${"a".repeat(20_000)}\r\n\r\n`, "431"],
    [`GET / HTTP/1.1\r\n${HOST}${"A: b\r\n".repeat(200)}\r\n`, "431"],
    [`POST /reload HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n`, "413"],
    [
      `POST /reload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n20000\r\n${
        "a".repeat(0x20000)
      }\r\n0\r\n\r\n`,
      "413",
    ],
  ];
  for (const [request, status] of cases) {
    assert.equal(await admin.status(request), status, request.slice(0, 80));
  }
});

Deno.test("admin waits for no client for long, and for many clients at once", async () => {
  await using admin = await startAdmin();
  // as many as there are places, and so that some have been there for a while
  const begun = await Promise.all([
    admin.sent("GET /healthz HTTP/1.1\r\nHo"),
    admin.sent(`POST /reload HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nab`),
    admin.sent(`GET /healthz HTTP/1.1\r\n${HOST}\r\nGET /hea`),
  ]);
  const answers = await Promise.all(begun.map((client) => client.readRest()));
  assert.deepEqual(
    answers.map((text) => [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status)),
    [["408"], ["408"], ["200", "408"]],
  );
});

Deno.test("admin serves though somebody takes all of its connections, streams or not", async () => {
  await using admin = await startAdmin();
  const silent = await Promise.all(Array.from({ length: 4 * CONNECTIONS }, () => admin.sent("G")));
  const healthz = `GET /healthz HTTP/1.1\r\n${HOST}\r\n`;
  for (let i = 0; i < 3; i++) assert.equal(await admin.status(healthz), "200");
  assert.ok(await admin.proxy.openFiles() < 3 * CONNECTIONS);
  for (const client of silent) client.close();

  const events = `GET /events HTTP/1.1\r\n${HOST}\r\n`;
  const streams: TestConnection[] = [];
  for (let i = 0; i < STREAMS; i++) {
    const client = await admin.sent(events);
    streams.push(client);
    await client.readUntil("event: history");
  }
  assert.equal(await admin.status(events), "503");
  assert.equal(await admin.status(healthz), "200");
  streams.pop()?.close();
  // the place of one that has left is free once that is seen
  let status = "503";
  while (status === "503") status = await admin.status(events);
  assert.equal(status, "200");
  for (const client of streams) client.close();
});

Deno.test("admin serves many requests that come at once behind those of others", async () => {
  await using admin = await startAdmin();
  const MANY = 400;
  using flood = await admin.sent(`GET /metrics HTTP/1.1\r\n${HOST}\r\n`.repeat(MANY));
  await readAnswer(flood);
  let answered = 1;
  const all = (async () => {
    for (; answered < MANY; answered++) await readAnswer(flood);
  })();
  assert.equal(await admin.status(`GET /healthz HTTP/1.1\r\n${HOST}\r\n`), "200");
  assert.ok(answered < MANY / 2, `${answered} of many were answered before one of somebody else`);
  await all;
});
