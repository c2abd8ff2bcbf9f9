import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { RequestDecoder } from "../lib/http1/request_decoder.ts";
import { ResponseDecoder } from "../lib/http1/response_decoder.ts";
import { acceptedRequests } from "./support/accepted_requests.ts";
import { GOOD_ANSWERS } from "./support/answers.ts";
import { startBackend } from "./support/backends.ts";
import { fromLatin1, latin1, type TestConnection } from "./support/connection.ts";
import { encodeProxyHeader } from "../lib/upstream/proxy_protocol.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { cutAt, type Decoder, feed, SMALL_LIMITS } from "./support/feed.ts";
import { GOOD_REQUESTS } from "./support/good_requests.ts";
import { encodeRequest, readAnswer, readRequest, valuesOf } from "./support/http.ts";
import { mutated } from "./support/mutate.ts";
import { SMUGGLING } from "./support/smuggling.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

/**
 * Damaged messages, for some seconds in the suite and for as long as `FUZZ_SECONDS` says in
 * `deno task fuzz`. What fails names its seed: `FUZZ_SEED` plays it again.
 */
const SECONDS = Number(Deno.env.get("FUZZ_SECONDS") ?? 2);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 1_000_000_000);
/** Cases drawn from one seed. */
const BATCH = 50;

const REQUESTS = [
  ...GOOD_REQUESTS.map(({ messages }) => messages.join("")),
  ...SMUGGLING.map(([, bytes]) => bytes),
];

/** Some that are damaged, and some that only look as if they were. */
const EXCHANGES = fc.oneof(mutated(REQUESTS), acceptedRequests.map(fromLatin1));

Deno.test("garbage yields nothing but errors of ours, however it is cut", async () => {
  const answers = GOOD_ANSWERS.map(({ bytes }) => bytes);
  await forSomeTime(mutated(REQUESTS), (bytes) => {
    sameInPieces(() => new RequestDecoder(SMALL_LIMITS), bytes);
  });
  await forSomeTime(mutated(answers), (bytes) => {
    sameInPieces(() => {
      const decoder = new ResponseDecoder(SMALL_LIMITS);
      decoder.expect("GET");
      return decoder;
    }, bytes);
  });
});

for (const engine of ENGINES) {
  Deno.test(`what is forwarded of garbage another parser reads in the same way (${engine})`, async () => {
    await using backend = await startOtherServer();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    let requests = 0;
    await forSomeTime(EXCHANGES, async (bytes) => {
      backend.whole.length = 0;
      using client = await connectTls(proxy.port);
      // the proxy may have answered and gone before all of it is written
      await client.write(bytes).catch(() => {});
      await client.write(encodeRequest("/last", { fields: ["Connection: close"] })).catch(() => {});
      await client.end().catch(() => {});
      const served = await answersOf(client);
      const seen = backend.whole.map(({ id }) => id);
      // an answer may have been lost with its connection, but none comes of nothing
      assert.deepEqual(served, seen.slice(0, served.length));
      for (const { id, forwardedFor, hosts } of backend.whole) {
        // what this proxy has not seen as a request has none of these
        assert.match(id, /^[A-Za-z0-9_.:@=+/-]{1,128}$/);
        assert.deepEqual(forwardedFor, ["127.0.0.1"]);
        assert.equal(hosts, 1);
      }
      requests += backend.whole.length;
    });
    assert.ok(requests > 0, "some of it is forwarded");
  });

  Deno.test(`damaged answers are passed on, refused or broken off, and never hang (${engine})`, async () => {
    let next = new Uint8Array();
    await using backend = await startBackend(async (connection) => {
      if (await readRequest(connection) === undefined) return;
      await connection.write(next);
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    await forSomeTime(mutated(GOOD_ANSWERS.map(({ bytes }) => bytes)), async (bytes) => {
      next = bytes;
      using client = await connectTls(proxy.port);
      await client.write(encodeRequest("/", { fields: ["Connection: close"] }));
      try {
        const { status } = await readAnswer(client);
        assert.ok(status >= 200 && status <= 599);
        assert.equal(await client.readRest(), "", "nothing comes behind an answer");
      } catch (error) {
        // an answer that breaks shows; what a test waits for in vain is a failure
        assert.ok(error instanceof Error && !error.message.startsWith("Waited"), String(error));
      }
    });
  });
}

Deno.test("whatever comes ahead of TLS is refused or goes on as it came, and holds nobody up", async () => {
  const hellos = CAPTURED_HELLOS.map(({ bytes }) => latin1(bytes));
  const headers = [
    "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n",
    "PROXY TCP6 2001:db8::7 ::1 1 2\r\n",
    "PROXY UNKNOWN\r\n",
    latin1(encodeProxyHeader("v2", undefined)),
    latin1(encodeProxyHeader("v2", {
      peer: { host: "192.0.2.7", port: 1 },
      local: { host: "192.0.2.1", port: 2 },
      tls: { ...NO_FACTS, sni: "a.test", alpn: "h2" },
    })),
  ];
  const starts = headers.flatMap((header) => hellos.map((hello) => header + hello));
  const seen: string[] = [];
  await using server = await startBackend(async (connection) => {
    seen.push(await connection.readRest());
  });
  await using proxy = await startConfigured({
    backends: { legacy: server.address },
    settings: {
      listeners: [{ listen: "127.0.0.1:0", proxy_protocol: { from: ["127.0.0.1"] } }],
      routes: [{ passthrough: true, backend: "legacy" }],
      timeouts: { handshake: "5s" },
      workers: 1,
    },
  });
  let connections = 0;
  const one = async (bytes: Uint8Array) => {
    const before = seen.length;
    using client = await connectTcp(proxy.port);
    connections++;
    for (const piece of cutAt(bytes, [bytes.length >> 2, bytes.length >> 1])) {
      await client.write(piece).catch(() => {});
    }
    await client.end().catch(() => {});
    await client.untilGone();
    for (const passed of seen.slice(before)) {
      assert.ok(latin1(bytes).endsWith(passed), "it went on as it came");
      assert.equal(passed[0], "\x16", "it begins with a handshake record");
    }
  };
  await forSomeTime(mutated(starts), one);
  for (const start of starts) await one(fromLatin1(start));
  assert.ok(seen.length >= starts.length, "what is whole goes on");
  await proxy.log.count(/ (?:handshake failed|passthrough) peer=/, connections);
});

const NO_FACTS = {
  ...{ sni: undefined, alpn: undefined, protocol: undefined, cipher: undefined },
  resumed: undefined,
  handshakeMs: 1,
};

/** Draws cases batch by batch until the time is over, one batch at the least. */
async function forSomeTime(
  cases: fc.Arbitrary<Uint8Array>,
  check: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>,
): Promise<void> {
  const end = performance.now() + SECONDS * 1000;
  let count = 0;
  for (let seed = SEED; performance.now() < end; seed++) {
    for (const bytes of fc.sample(fc.noBias(cases), { seed, numRuns: BATCH })) {
      try {
        await check(Uint8Array.from(bytes));
      } catch (error) {
        const what = `FUZZ_SEED=${seed}: ${JSON.stringify(latin1(bytes))}`;
        throw new Error(what, { cause: error });
      }
      if (++count >= BATCH && performance.now() > end) return;
    }
  }
}

function sameInPieces(make: () => Decoder, bytes: Uint8Array): void {
  const whole = feed(make(), [bytes], { end: true });
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assert.deepEqual(feed(make(), single, { end: true }), whole);
  for (const fact of whole) {
    if (fact.kind === "failure") assert.notEqual(fact.code, "internal", fact.message);
  }
}

/** The ids of the requests that a client got the other server's answers to. */
async function answersOf(client: TestConnection): Promise<string[]> {
  const ids: string[] = [];
  try {
    while (await client.hasMore()) {
      const answer = await readAnswer(client);
      ids.push(...valuesOf(answer, "X-Seen"));
    }
  } catch (error) {
    assert.ok(error instanceof Error && !error.message.startsWith("Waited"), String(error));
  }
  return ids;
}

interface SeenWhole {
  readonly id: string;
  readonly forwardedFor: readonly string[];
  readonly hosts: number;
}

/** The runtime's own server, which knows nothing of this proxy's parser. */
async function startOtherServer() {
  const whole: SeenWhole[] = [];
  const server = http.createServer((request, response) => {
    request.on("error", () => {});
    request.resume();
    request.on("end", () => {
      const id = String(request.headers["x-request-id"]);
      const lines = request.rawHeaders.filter((_, index) => index % 2 === 0)
        .map((name) => name.toLowerCase());
      whole.push({
        id,
        forwardedFor: String(request.headers["x-forwarded-for"]).split(", "),
        hosts: lines.filter((name) => name === "host").length,
      });
      response.setHeader("X-Seen", id);
      response.end(request.method === "HEAD" ? undefined : "seen");
    });
  });
  // it knows fewer methods than there are; what it refuses it does not read in another way
  server.on("clientError", (_, socket) => void socket.destroy());
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    whole,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
