import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { pause } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeChunks,
  encodeRequest,
  readAnswer,
  readRequestHead,
  valuesOf,
} from "./support/http.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { run } from "./support/tools.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const EXPECTS = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
const EXPECTS_OF_PATIENT = EXPECTS.replace("/", "/patient");

/** A server that says 100 Continue, then answers with the body it got. */
function startContinuing() {
  return startBackend(async (connection) => {
    for (;;) {
      if (!await connection.hasMore()) return;
      const request = await readRequestHead(connection);
      assert.deepEqual(valuesOf(request, "Expect"), ["100-continue"]);
      await connection.write(CONTINUE);
      const [length] = valuesOf(request, "Content-Length");
      const body = length === undefined
        ? await connection.readUntil("0\r\n\r\n")
        : await connection.readText(Number(length));
      await connection.write(encodeAnswer(body));
    }
  });
}

for (const engine of ENGINES) {
  Deno.test(`a client that expects 100 Continue gets it from the server (${engine})`, async () => {
    await using backend = await startContinuing();
    await using proxy = await startConfigured({
      engine,
      backends: { default: backend.address },
      // it counts for a client that was told to go on, and for no other
      settings: { timeouts: { body_idle: "5s" } },
    });
    using client = await connectTls(proxy.port);
    for (let i = 0; i < 2; i++) {
      await client.write(`${EXPECTS}Content-Length: 5\r\n\r\n`);
      const answer = await readAnswer(client, { onInterim: () => client.write("hello") });
      assert.deepEqual(answer.interim.map(({ status }) => status), [100]);
      assert.equal(answer.body, "hello");
    }
    await client.write(`${EXPECTS}Transfer-Encoding: chunked\r\n\r\n`);
    const chunks = encodeChunks(["a", "bc"]);
    const answer = await readAnswer(client, { onInterim: () => client.write(chunks) });
    assert.equal(answer.body, chunks);

    // one that does not wait (RFC 9110, section 10.1.1)
    await client.write(`${EXPECTS}Content-Length: 5\r\n\r\nhello`);
    assert.equal((await readAnswer(client)).body, "hello");
    assert.equal(backend.connections.length, 1);
    await proxy.log.count(/ info request .*status=200 .*error=-/, 4);
  });

  Deno.test(`a client that expects 100 Continue may get its answer at once (${engine})`, async () => {
    const heard: string[] = [];
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await connection.write(encodeAnswer("too large", { status: 413 }));
      heard.push(await connection.readRest());
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write(`${EXPECTS}Content-Length: 5\r\n\r\n`);
    const answer = await readAnswer(client);
    assert.deepEqual([answer.status, answer.body, answer.interim], [413, "too large", []]);
    // whether a body comes now or a request cannot be told
    assert.deepEqual(valuesOf(answer, "Connection"), ["close"]);
    assert.equal(await client.readRest(), "");
    await client.write(encodeRequest("/smuggled"));
    await backend.allGone();

    // curl sees the answer and does not send its megabyte
    const { ca } = await testCertificates();
    const { stdout } = await run("curl", [
      ...["-sS", "-w", "%{http_code} %{size_upload}", "--cacert", ca, "--data-binary", "@-"],
      ...["-H", "Expect: 100-continue", "--expect100-timeout", "20"],
      `https://localhost:${proxy.port}/`,
    ], { input: "x".repeat(1_000_000) });
    assert.equal(stdout, "too large413 0");
    await backend.allGone();
    assert.deepEqual(heard, ["", ""]);
  });

  Deno.test(`a server that never says 100 Continue is the one that is late (${engine})`, async () => {
    let goOn: (connection: TestConnection) => Promise<unknown> = (connection) =>
      connection.untilGone();
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await goOn(connection);
    }, { brokenOff: true });
    await using proxy = await startConfigured({
      engine,
      backends: {
        default: { servers: [backend.address], timeouts: { response: "600ms" } },
        patient: backend.address,
      },
      settings: { timeouts: { body_idle: "300ms" } },
    });
    using client = await connectTls(proxy.port);
    await client.write(`${EXPECTS}Content-Length: 5\r\n\r\n`);
    const late = await readAnswer(client);
    assert.deepEqual([late.status, valuesOf(late, "Connection")], [504, ["close"]]);
    assert.equal(await client.readRest(), "");
    await backend.allGone();

    // told to go on, it is the client that is late
    goOn = async (connection) => {
      await connection.write(CONTINUE);
      await connection.untilGone();
    };
    using slow = await connectTls(proxy.port);
    await slow.write(`${EXPECTS_OF_PATIENT}Content-Length: 5\r\n\r\n`);
    const slowAnswer = await readAnswer(slow);
    assert.equal(slowAnswer.status, 408);
    assert.deepEqual(slowAnswer.interim.map(({ status }) => status), [100]);
    await backend.allGone();
  });

  Deno.test(`a server that was not asked for 100 Continue is not the one that is late (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startConfigured({
      engine,
      backends: { default: { servers: [backend.address], timeouts: { response: "600ms" } } },
      settings: { timeouts: { body_idle: "900ms" } },
    });
    using client = await connectTls(proxy.port);
    await client.write(`${EXPECTS}Connection: expect\r\nContent-Length: 5\r\n\r\n`);
    assert.equal((await readAnswer(client)).status, 408);
    await backend.allGone();
    assert.doesNotMatch(proxy.log.text, /server failed/);
  });

  Deno.test(`an answer that begins amid the body is passed on as it comes (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (;;) {
        const bytes = await connection.readText(1);
        await connection.write(`1\r\n${bytes}\r\n`);
        if (bytes === "!") break;
      }
      await connection.write("0\r\n\r\n");
    });
    await using proxy = await startConfigured({
      engine,
      backends: { default: { servers: [backend.address], timeouts: { response: "500ms" } } },
    });
    using client = await connectTls(proxy.port);
    await client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    await client.readUntil("\r\n\r\n");
    for (const byte of "ab") {
      await client.write(byte);
      assert.equal(await client.readUntil(`${byte}\r\n`), `1\r\n${byte}\r\n`);
    }
    // the time for an answer to begin is over, and it has begun
    await pause(800);
    await client.write("cde!");
    assert.match(await client.readRest(), /c\r\n[^]*!\r\n0\r\n\r\n$/);
  });

  Deno.test(`a client may stop sending once it has its answer (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      await connection.write(encodeAnswer("no", { status: 401 }));
      await connection.untilGone();
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const framing of ["Content-Length: 9000000", "Transfer-Encoding: chunked"]) {
      using client = await connectTls(proxy.port);
      const more = framing.startsWith("C") ? "x".repeat(100_000) : "1\r\nx\r\n";
      await client.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${more}`);
      const answer = await readAnswer(client);
      assert.deepEqual([answer.status, answer.body], [401, "no"]);
      assert.equal(await client.readRest(), "");
      await backend.allGone();
    }
    await proxy.log.count(/ info end .*requests=1 .*how=done/, 2);
    assert.equal(proxy.log.matching(/ info request .*status=401 .*error=-/).length, 2);
  });
}
