import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import {
  encodeAnswer,
  encodeChunks,
  encodeRequest,
  readAnswer,
  readRequest,
} from "./support/http.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

const KiB = 1024;

/** Around each kind of buffer that an answer may be read into, small and large ones by turns. */
const SIZES = [
  ...[0, 200 * KiB, 1, 8 * KiB - 100, 8 * KiB, 3, 8 * KiB + 1, 16 * KiB, 16 * KiB + 1, 5],
  ...[60 * KiB, 64 * KiB, 64 * KiB + 1, 7, 70 * KiB, 300 * KiB, 300 * KiB, 9, 0],
];

/** How an answer's body is sent. */
const FRAMINGS: readonly { readonly name: string; encode(body: string): string }[] = [
  { name: "with a length", encode: (body) => encodeAnswer(body) },
  { name: "behind a long head", encode: (body) => encodeAnswer(body, { fields: LONG_FIELDS }) },
  { name: "as one chunk", encode: (body) => chunked(body === "" ? [] : [body]) },
  { name: "in chunks of 1000 bytes", encode: (body) => chunked(body.match(/.{1,1000}/g) ?? []) },
];

for (const engine of ENGINES) {
  for (const { name, encode } of FRAMINGS) {
    Deno.test(`answers of every size come unchanged over one server's connection, ${name} (${engine})`, async () => {
      await using backend = await startBackend(async (connection) => {
        for (let request; (request = await readRequest(connection)) !== undefined;) {
          await connection.write(encode(bodyOf(Number(request.target.slice(1)))));
        }
      });
      await using proxy = await startProxyFor({ engine, backend: backend.address });
      using client = await connectTls(proxy.port);
      for (const size of SIZES) {
        await client.write(encodeRequest(`/${size}`));
        const { status, body } = await readAnswer(client);
        assert.equal(status, 200);
        assert.ok(body === bodyOf(size), `${body.length} bytes of ${size}`);
      }
      assert.equal(backend.connections.length, 1);
    });
  }
}

const LONG_FIELDS = Array.from({ length: 12 }, (_, n) => `X-${n}: ${"v".repeat(1000)}`);

function chunked(chunks: readonly string[]): string {
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${encodeChunks(chunks)}`;
}

/** Text whose every piece tells where it stood. */
function bodyOf(size: number): string {
  const words = Array.from({ length: Math.ceil(size / 8) }, (_, n) => `${n} `.padStart(8, "."));
  return words.join("").slice(0, size);
}
