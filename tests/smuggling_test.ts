import assert from "node:assert/strict";
import { startBackend, startHttp } from "./support/backends.ts";
import { eventually } from "./support/deadline.ts";
import {
  encodeAnswer,
  encodeRequest,
  readAnswer,
  readRequestHead,
  valuesOf,
} from "./support/http.ts";
import { SMUGGLED, SMUGGLING } from "./support/smuggling.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/** A chunk whose data look like an end and a request, in pieces that each come alone. */
const CHUNK = ["12\r\n", "0\r\n\r\nGET /smuggled", "\r\n", "0\r\n\r\n"];

for (const engine of ENGINES) {
  Deno.test(`a chunk keeps its frame, whatever comes of it alone (${engine})`, async () => {
    let got = -1;
    await using backend = await startBackend(async (connection) => {
      await readRequestHead(connection);
      got++;
      for (const piece of CHUNK) {
        assert.equal(await connection.readText(piece.length), piece);
        got++;
      }
      await connection.write(encodeAnswer("whole"));
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await connectTls(proxy.port);
    await client.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const [index, piece] of CHUNK.entries()) {
      await eventually(() => got === index || undefined, `piece ${index}`);
      await client.write(piece);
    }
    assert.equal((await readAnswer(client)).body, "whole");
  });

  Deno.test(`nothing is smuggled past the proxy, in ${SMUGGLING.length} ways (${engine})`, async () => {
    await using backend = await startHttp(({ target }) => encodeAnswer(target), {
      brokenOff: true,
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const [what, bytes, outcome] of SMUGGLING) {
      const before = backend.requests.length;
      using client = await connectTls(proxy.port);
      // a good request before it, which is answered, and one behind it, which tells whether it ended
      await client.write(encodeRequest("/before") + bytes + encodeRequest("/behind"));
      assert.equal((await readAnswer(client)).body, "/before", what);
      const seen = () => backend.requests.slice(before).map(({ target }) => target);
      if (typeof outcome === "number") {
        // a body without an announcement is a request of its own to refuse, behind a good one
        let answer = await readAnswer(client);
        if (answer.status === 200 && what.startsWith("0.CL")) answer = await readAnswer(client);
        assert.equal(answer.status, outcome, what);
        assert.deepEqual(valuesOf(answer, "Connection"), ["close"], what);
        assert.equal(await client.readRest(), "", what);
        assert.ok(!seen().includes("/smuggled") && !seen().includes("/behind"), what);
      } else {
        for (const target of outcome) assert.equal((await readAnswer(client)).body, target, what);
        assert.equal((await readAnswer(client)).body, "/behind", what);
        assert.deepEqual(seen(), ["/before", ...outcome, "/behind"], what);
        for (const request of backend.requests.slice(before)) {
          const framings = [
            ...valuesOf(request, "Content-Length"),
            ...valuesOf(request, "Transfer-Encoding"),
          ];
          assert.ok(framings.length <= 1, what);
          assert.deepEqual(valuesOf(request, "Host"), ["localhost"], what);
        }
      }
    }
    assert.ok(!backend.requests.some(({ target }) => SMUGGLED.includes(` ${target} `)));
  });
}
