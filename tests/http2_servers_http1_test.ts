import assert from "node:assert/strict";
import { startAnnounced } from "./support/announced_server.ts";
import { askOnce } from "./support/ask.ts";
import { createTestAuthority } from "./support/authority.ts";
import { autoBackend } from "./support/auto_backend.ts";
import { startConfigured } from "./support/configured_proxy.ts";

/** Servers that choose HTTP/2 by ALPN and then want HTTP/1.1 (RFC 9113, section 7). */

const authority = await createTestAuthority();
const { cert, key } = await authority.issue({ subject: "/CN=server", names: ["127.0.0.1"] });

const SERVER = `
const { readFileSync } = require("node:fs");
const [cert, key, refusal] = process.argv.slice(1);
const options = { cert: readFileSync(cert), key: readFileSync(key), allowHTTP1: true };
const server = require("node:http2").createSecureServer(options, (request, response) => {
  request.on("error", () => {});
  const { url, httpVersion, stream } = request;
  if (httpVersion === "2.0" && url.startsWith("/login")) {
    if (refusal === "stream") return stream.close(13);
    return stream.session.goaway(13, stream.id - 2);
  }
  request.resume().on("end", () => response.end(httpVersion));
});
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

function startProxy(address: string) {
  return startConfigured({
    backends: { api: autoBackend(address, authority.ca) },
    // what a server wants is found out by each worker
    settings: { workers: 1 },
  });
}

for (const refusal of ["stream", "connection"]) {
  Deno.test(`a server that wants HTTP/1.1 for a ${refusal} is asked so from then on`, async () => {
    await using server = await startAnnounced("node", ["-e", SERVER, cert, key, refusal]);
    await using proxy = await startProxy(server.address);
    const { port } = proxy;
    assert.equal((await askOnce(port, "/before")).body, "2.0");
    const told = await askOnce(port, "/login", { method: "DELETE" });
    assert.deepEqual([told.status, told.body], [200, "1.1"]);
    await proxy.log.first(/ request .*target=\/login status=200 .*attempts=2/);
    assert.equal((await askOnce(port, "/after")).body, "1.1");
    assert.equal((await askOnce(port, "/login/again")).body, "1.1");
    assert.deepEqual(proxy.log.matching(/ server (?:failed|ejected) /), []);
  });
}

Deno.test("a body that is gone cannot be sent by HTTP/1.1, but the next request can", async () => {
  await using server = await startAnnounced("node", ["-e", SERVER, cert, key, "stream"]);
  await using proxy = await startProxy(server.address);
  const told = await askOnce(proxy.port, "/login", { method: "POST", body: "name=a" });
  assert.equal(told.status, 502);
  await proxy.log.first(/ request .*target=\/login status=502 .*error=http1_required/);
  assert.deepEqual(
    (await askOnce(proxy.port, "/login", { method: "POST", body: "name=a" })).body,
    "1.1",
  );
  assert.deepEqual(proxy.log.matching(/ server ejected /), []);
});
