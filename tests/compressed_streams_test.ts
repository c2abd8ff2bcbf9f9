import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { startBackend } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { CODINGS, decode, decoder, startCompressing } from "./support/codings.ts";
import { fromLatin1, type TestConnection } from "./support/connection.ts";
import { pause, within } from "./support/deadline.ts";
import { encodeRequest, readRequest } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { Lines } from "./support/lines.ts";
import { connectTls } from "./support/tls_client.ts";
import { run, start } from "./support/tools.ts";

const MiB = 1024 * 1024;

/** Asks, and gives what makes text of the chunks that follow the answer's head. */
async function openStream(client: TestConnection, coding: (typeof CODINGS)[number]) {
  await client.write(encodeRequest("/", { fields: [`Accept-Encoding: ${coding}`] }));
  const head = await client.readUntil("\r\n\r\n");
  assert.match(head, new RegExp(`^content-encoding: ${coding}\r$`, "im"));
  const stream = decoder(coding);
  let text = "";
  stream.on("data", (bytes: Uint8Array) => text += new TextDecoder().decode(bytes));
  return {
    /** Reads chunks until they have said this. */
    async until(end: string): Promise<void> {
      while (!text.endsWith(end)) {
        const size = parseInt(await client.readUntil("\r\n"), 16);
        assert.ok(size > 0, `it ended behind ${text}`);
        const bytes = await client.readBytes(size);
        await within(
          new Promise<void>((resolve) => stream.write(bytes, () => resolve())),
          "decoding",
        );
        assert.equal(await client.readText(2), "\r\n");
        // what was decoded is told a turn later
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
    [Symbol.dispose]: () => void stream.destroy(),
  };
}

for (const coding of CODINGS) {
  for (const type of ["text/event-stream", "text/html"]) {
    Deno.test(`what a server says bit by bit arrives bit by bit (${type}, ${coding})`, async () => {
      const seen: PromiseWithResolvers<void>[] = [Promise.withResolvers()];
      await using backend = await startBackend(async (connection) => {
        await readRequest(connection);
        await connection.write(
          `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
        );
        for (let i = 0; i < 5; i++) {
          // in two pieces, of which the second is too soon to be flushed at once
          await connection.write("6\r\ndata: \r\n");
          await connection.write(`3\r\n${i}\n\n\r\n`);
          // the next is sent when this one was seen, and so waits for nothing behind it
          await within(seen[i]?.promise ?? Promise.reject(new Error()), `event ${i} to be seen`);
        }
        await connection.write("0\r\n\r\n");
      });
      await using proxy = await startCompressing(backend.address);
      using client = await connectTls(proxy.port);
      using stream = await openStream(client, coding);
      for (let i = 0; i < 5; i++) {
        seen.push(Promise.withResolvers());
        await stream.until(`data: ${i}\n\n`);
        seen[i]?.resolve();
      }
    });
  }
}

Deno.test("curl sees events come through HTTP/2 as they are sent", async () => {
  const seen: PromiseWithResolvers<void>[] = [Promise.withResolvers()];
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    for (let i = 0; i < 5; i++) {
      await connection.write(`data: ${i}\n\n`);
      await within(seen[i]?.promise ?? Promise.reject(new Error()), `event ${i} to be seen`);
    }
  });
  await using proxy = await startCompressing(backend.address);
  const { ca } = await testCertificates();
  await using curl = start("curl", [
    ...["-sSN", "--http2", "--compressed", "--cacert", ca],
    `https://localhost:${proxy.port}/`,
  ]);
  const lines = new Lines(curl.child.stdout);
  for (let i = 0; i < 5; i++) {
    seen.push(Promise.withResolvers());
    await lines.first(new RegExp(`^data: ${i}$`));
    seen[i]?.resolve();
  }
  assert.equal((await curl.child.status).code, 0);
});

/** Text that gets smaller by a quarter: it comes again only beyond what any coding remembers. */
const NOISE = new TextEncoder().encode(randomBytes(3 * MiB).toString("base64"));
const BLOCK_BYTES = 32 * 1024;

/** A page of so many bytes. */
function pageOf(bytes: number) {
  const progress = { sent: 0 };
  const blocks = function* () {
    for (let at = 0; at < bytes; at += BLOCK_BYTES) {
      const from = at % NOISE.length;
      yield NOISE.subarray(from, from + Math.min(BLOCK_BYTES, bytes - at));
    }
  };
  return {
    /** What its server has got rid of. */
    progress,
    hash() {
      const hash = createHash("sha256");
      for (const block of blocks()) hash.update(block);
      return hash.digest("hex");
    },
    async send(connection: TestConnection): Promise<void> {
      await connection.write(
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`,
      );
      for (const block of blocks()) {
        await connection.transport.write(block);
        progress.sent += block.length;
      }
    },
  };
}

Deno.test("50 MiB arrive whole, in little memory, by every coding", async () => {
  const size = 50 * MiB;
  const page = pageOf(size);
  await using backend = await startBackend(async (connection) => {
    while (await readRequest(connection) !== undefined) await page.send(connection);
  });
  await using proxy = await startCompressing(backend.address, { settings: { workers: 1 } });
  const { ca } = await testCertificates();
  const download = async (coding: string, version: string) => {
    const { code, bytes, stderr } = await run("curl", [
      ...["-sS", version, "--cacert", ca, "--compressed", "-H", `Accept-Encoding: ${coding}`],
      // it takes what time it takes, as long as some of it comes
      ...["--speed-time", "60", "--speed-limit", "1", `https://localhost:${proxy.port}/`],
    ], { patience: 600_000 });
    assert.equal(code, 0, stderr);
    assert.equal(hashOf(bytes), page.hash(), coding);
  };
  // a runtime takes what it needs for its first traffic and keeps it
  await download("gzip", "--http1.1");
  const before = await proxy.memory();
  let peak = before;
  const looking = setInterval(async () => {
    peak = Math.max(peak, await proxy.memory().catch(() => 0));
  }, 50);
  try {
    for (const coding of CODINGS) {
      for (const version of ["--http1.1", "--http2"]) await download(coding, version);
    }
  } finally {
    clearInterval(looking);
  }
  assert.ok(peak - before < 60 * MiB, `from ${before} to ${peak}`);
});

Deno.test("clients that do not read have the server wait", async () => {
  const page = pageOf(200 * MiB);
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await page.send(connection);
  }, { brokenOff: true });
  await using proxy = await startCompressing(backend.address, { settings: { workers: 1 } });
  const before = await proxy.memory();
  const clients = await Promise.all(CODINGS.map(async (coding) => {
    const client = await connectTls(proxy.port);
    await client.write(encodeRequest("/", { fields: [`Accept-Encoding: ${coding}`] }));
    return client;
  }));
  let [last, since] = [-1, performance.now()];
  while (performance.now() - since < 1000) {
    if (page.progress.sent !== last) [last, since] = [page.progress.sent, performance.now()];
    await pause(50);
  }
  // the system holds most of it
  assert.ok(last < clients.length * 40 * MiB, `${last} bytes were taken`);
  const memory = await proxy.memory();
  assert.ok(memory - before < 120 * MiB, `from ${before} to ${memory}`);
  for (const client of clients) client.close();
  await backend.allGone();
});

Deno.test("what an answer under way takes is little, and freed when it is over", async () => {
  const text = new TextDecoder().decode(NOISE.subarray(0, BLOCK_BYTES));
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await connection.write(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" +
        `${text.length.toString(16)}\r\n${text}\r\n`,
    );
    await connection.untilGone();
  }, { brokenOff: true });
  await using proxy = await startCompressing(backend.address, { settings: { workers: 1 } });
  /** Bytes of the proxy while so many answers are under way. */
  const memoryWith = async (count: number) => {
    const clients: TestConnection[] = [];
    for (let i = 0; i < count; i++) {
      const client = await connectTls(proxy.port);
      const coding = CODINGS[i % CODINGS.length] ?? "";
      await client.write(encodeRequest("/", { fields: [`Accept-Encoding: ${coding}`] }));
      await client.readBytes(BLOCK_BYTES / 2);
      clients.push(client);
    }
    const memory = await proxy.memory();
    backend.dropAll();
    for (const client of clients) await client.untilGone();
    return memory;
  };
  const before = await memoryWith(10);
  const first = await memoryWith(100);
  assert.ok(first - before < 100 * 1.5 * MiB, `from ${before} to ${first}`);
  await memoryWith(100);
  const last = await memoryWith(100);
  assert.ok(last - first < 100 * 0.4 * MiB, `from ${first} to ${last}`);
});

Deno.test("a client that leaves ends the answer at its server", async () => {
  const page = pageOf(200 * MiB);
  await using backend = await startBackend(async (connection) => {
    await readRequest(connection);
    await page.send(connection);
  }, { brokenOff: true });
  await using proxy = await startCompressing(backend.address);
  for (const coding of CODINGS) {
    const client = await connectTls(proxy.port);
    await client.write(encodeRequest("/", { fields: [`Accept-Encoding: ${coding}`] }));
    await client.readBytes(100_000);
    client.close();
    await backend.allGone();
  }
  await proxy.log.count(/ request .* status=200 .*error=client_gone/, CODINGS.length);
});

Deno.test("an answer that its server breaks off is broken for the client, too", async () => {
  const text = "All animals are equal. ".repeat(10_000);
  await using backend = await startBackend(async (connection) => {
    const request = await readRequest(connection);
    const framing = request?.target === "/length"
      ? `Content-Length: ${text.length + 1}\r\n\r\n${text}`
      : `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n`;
    await connection.write(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n${framing}`);
  });
  await using proxy = await startCompressing(backend.address);
  const { ca } = await testCertificates();
  let broken = 0;
  for (const version of ["--http1.1", "--http2"]) {
    for (const target of ["/length", "/chunks"]) {
      for (const coding of CODINGS) {
        const { code, stdout } = await run("curl", [
          ...["-sS", version, "--cacert", ca, "--compressed", "-H", `Accept-Encoding: ${coding}`],
          `https://localhost:${proxy.port}${target}`,
        ]);
        // 18 and 56: cut short; 92: that of a stream of HTTP/2
        assert.ok([18, 56, 92].includes(code), `${version} ${target} ${coding}: ${code}`);
        assert.ok(text.startsWith(stdout));
        broken++;
      }
    }
  }
  await proxy.log.count(/ request .* status=200 .*error=truncated_response/, broken);
});

Deno.test("many streams of one connection are compressed at once", async () => {
  const page = pageOf(300 * 1024);
  await using backend = await startBackend(async (connection) => {
    while (await readRequest(connection) !== undefined) await page.send(connection);
  });
  await using proxy = await startCompressing(backend.address);
  using client = await Http2Client.connect(proxy.port);
  const ids = Array.from({ length: 60 }, (_, i) => 2 * i + 1);
  for (const [index, id] of ids.entries()) {
    const coding = CODINGS[index % CODINGS.length] ?? "gzip";
    await client.ask(id, "/", { fields: [["accept-encoding", coding]] });
  }
  for (const [index, id] of ids.entries()) {
    const { status, body, reset } = await client.answer(id);
    assert.deepEqual([status, reset], [200, undefined]);
    const plain = decode(CODINGS[index % CODINGS.length] ?? "", fromLatin1(body));
    assert.equal(hashOf(plain), page.hash());
  }
});

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
