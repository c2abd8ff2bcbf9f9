import assert from "node:assert/strict";
import { startNamed, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import type { TestConnection } from "./support/connection.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";

/** Connections of a listener at the most. */
const ROOM = 3_000;
/** Silent ones, in all: they would take it for the whole time of a handshake. */
const SILENT = 6_000;
/**
 * How many come while one client is served. Those that have waited longest go first, so that a
 * client is safe while fewer than half the room come behind it, however slow the machine is.
 */
const AT_ONCE = 1_000;

async function startLimited(engine: string): Promise<ConfiguredProxy & { redirect: number }> {
  const backend = await startNamed("app");
  const { ec } = await testCertificates();
  const redirect = await unusedPort();
  const proxy = await startConfigured(`
listeners:
  - { listen: "127.0.0.1:0", engine: ${engine} }
  - { listen: "127.0.0.1:${redirect}", redirect: https }
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
limits: { connections: ${ROOM} }
timeouts: { handshake: 1m, keep_alive: 10m }
`);
  return {
    ...proxy,
    redirect,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** Connections that say nothing, and stay open until it is disposed. */
class Silence implements Disposable {
  readonly #port: number;
  readonly #open: TestConnection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  get isWhole(): boolean {
    return this.#open.length >= SILENT;
  }

  async grow(): Promise<void> {
    const some = Array.from({ length: AT_ONCE }, () => connectTcp(this.#port));
    this.#open.push(...await Promise.all(some));
  }

  [Symbol.dispose](): void {
    for (const client of this.#open) client.close();
  }
}

for (const engine of ENGINES) {
  Deno.test(`clients are served beside thousands that say nothing (${engine})`, async () => {
    await using proxy = await startLimited(engine);
    const started = performance.now();
    // those that have shaken hands stay, however long they have been there
    using early = await connectTls(proxy.port);
    await early.write(encodeRequest("/"));
    assert.equal((await readAnswer(early)).body, "app");
    {
      using silent = new Silence(proxy.port);
      while (!silent.isWhole) {
        const growing = silent.grow();
        using client = await connectTls(proxy.port);
        await client.write(encodeRequest("/"));
        assert.equal((await readAnswer(client)).body, "app");
        await growing;
      }
      for (let i = 0; i < 5; i++) {
        using client = await connectTls(proxy.port);
        await client.write(encodeRequest("/"));
        assert.equal((await readAnswer(client)).body, "app");
      }
      await early.write(encodeRequest("/"));
      assert.equal((await readAnswer(early)).body, "app");
      await proxy.log.first(/ connections refused listen=.* count=\d+ limit=handshakes /);
      // one line a second of each worker, not one each
      const lines = 100 + 2 * (performance.now() - started) / 1000;
      assert.ok(proxy.log.matching(/ warning /).length < lines, proxy.log.text.slice(0, 2000));
    }
    using silent = new Silence(proxy.redirect);
    while (!silent.isWhole) {
      const growing = silent.grow();
      using client = await connectTcp(proxy.redirect);
      await client.write(encodeRequest("/"));
      assert.equal((await readAnswer(client)).status, 308);
      await growing;
    }
  });
}
