import assert from "node:assert/strict";
import tls from "node:tls";
import { testCertificates } from "../../tests/support/certificates.ts";
import { within } from "../../tests/support/deadline.ts";
import { holdListeners } from "../../tests/support/held_sockets.ts";
import { type Certificate, loadCertificate } from "../certificates/certificate.ts";
import { createCertificateStore, liveCertificateStore } from "../certificates/certificate_store.ts";
import { denoEngine } from "./deno_engine.ts";
import type { TlsEngine } from "./engine.ts";
import { opensslEngine } from "./openssl_engine.ts";
import { type Generation, Rotation } from "./rotation.ts";

const HANDSHAKES = 200;
const REPLACEMENTS = 20;

const { ec, rsa, caPem } = await testCertificates();
const pair = [await loadCertificate(ec), await loadCertificate(rsa)] as const;

for (const engine of [opensslEngine, denoEngine]) {
  Deno.test(`refresh() loses no handshake and gives the new certificate (${engine.name})`, async () => {
    const [first, second] = pair;
    const store = liveCertificateStore(createCertificateStore([{ certificate: first }]));
    const server = await serve(engine, store);
    const given = [first.fingerprint];
    let inForce = 0;
    let shook = 0;
    let replacing = true;

    async function client(): Promise<void> {
      while (replacing || shook < HANDSHAKES) {
        const from = inForce;
        const fingerprint = await certificateOf(server.port);
        assert.ok(given.slice(from).includes(fingerprint), "one that had been replaced before");
        shook++;
      }
    }
    const clients = Promise.all(Array.from({ length: 8 }, client));
    // what fails meanwhile is told below, where it is awaited
    clients.catch(() => {});

    for (let count = 1; count <= REPLACEMENTS; count++) {
      const next = count % 2 === 1 ? second : first;
      given.push(next.fingerprint);
      store.replace(createCertificateStore([{ certificate: next }]));
      await server.listener.refresh();
      inForce = count;
      assert.equal(await certificateOf(server.port), next.fingerprint);
    }
    replacing = false;
    await clients;
    assert.ok(shook >= HANDSHAKES);
    await server.listener.close();
    assert.deepEqual(server.failures, []);
  });

  Deno.test(`refresh() keeps connections and the address (${engine.name})`, async () => {
    const [first, second] = pair;
    const store = liveCertificateStore(createCertificateStore([{ certificate: first }]));
    const server = await serve(engine, store);
    const { socket: kept } = await connect(server.port);
    store.replace(createCertificateStore([{ certificate: second }]));
    await server.listener.refresh();
    assert.equal(server.listener.address.port, server.port);
    assert.equal(await certificateOf(server.port), second.fingerprint);
    kept.write("still here");
    assert.equal(`${await once(kept, "data")}`, "still here");
    kept.destroy();
    await server.listener.close();
  });
}

Deno.test("refresh() gives the new certificate while something holds on to a closed listener", async () => {
  const store = liveCertificateStore(createCertificateStore([{ certificate: pair[0] }]));
  const server = await serve(denoEngine, store);
  using held = new DisposableStack();
  for (const certificate of [pair[1], pair[0], pair[1], pair[0]]) {
    held.use(holdListeners(server.port));
    store.replace(createCertificateStore([{ certificate }]));
    await server.listener.refresh();
    for (let i = 0; i < 3; i++) {
      assert.equal(await certificateOf(server.port), certificate.fingerprint);
    }
  }
  held.use(holdListeners(server.port));
  await server.listener.close();
  await assert.rejects(certificateOf(server.port), /ECONNREFUSED/);
  assert.deepEqual(server.failures, []);
});

Deno.test("refresh() gives the certificate of the store by then when called many times", async () => {
  const [first, second] = pair;
  const store = liveCertificateStore(createCertificateStore([{ certificate: first }]));
  const server = await serve(denoEngine, store);
  const refreshed = [second, first, second].map((certificate) => {
    store.replace(createCertificateStore([{ certificate }]));
    return server.listener.refresh();
  });
  await Promise.all(refreshed);
  assert.equal(await certificateOf(server.port), second.fingerprint);
  await server.listener.close();
});

Deno.test("close() refuses connections when a certificate has just been replaced", async () => {
  const [first, second] = pair;
  const store = liveCertificateStore(createCertificateStore([{ certificate: first }]));
  const server = await serve(denoEngine, store);
  store.replace(createCertificateStore([{ certificate: second }]));
  await server.listener.refresh();
  await server.listener.close();
  await assert.rejects(certificateOf(server.port), /ECONNREFUSED/);
});

Deno.test("refresh() opens nothing when the generation is the current one", async () => {
  const world = new World();
  const rotation = world.rotation(true);
  await rotation.refresh();
  assert.equal(world.opened, 1);
  await rotation.close();
  assert.deepEqual(world.open, []);
});

Deno.test("refresh() never has more than two generations open", async () => {
  for (const takesOver of [true, false]) {
    const world = new World();
    const rotation = world.rotation(takesOver);
    for (let wanted = 2; wanted < 5; wanted++) {
      world.wanted = wanted;
      await rotation.refresh();
      assert.equal(world.open.at(-1), wanted);
      assert.ok(world.most <= 2);
      assert.equal(world.open.length, takesOver ? 2 : 1);
    }
    await rotation.close();
    assert.deepEqual(world.open, []);
  }
});

Deno.test("refresh() keeps the old generation when the new one cannot be opened", async () => {
  const world = new World();
  const rotation = world.rotation(true);
  world.wanted = 0;
  await assert.rejects(rotation.refresh(), /no generation 0/);
  assert.deepEqual(world.open, [1]);
  world.wanted = 2;
  await rotation.refresh();
  assert.deepEqual(world.open, [1, 2]);
  await rotation.close();
});

Deno.test("refresh() opens nothing when the listener was closed in the meantime", async () => {
  const world = new World();
  const rotation = world.rotation(true);
  world.wanted = 2;
  const refreshed = rotation.refresh();
  await rotation.close();
  await refreshed;
  assert.deepEqual(world.open, []);
  assert.equal(world.opened, 1);
});

interface NumberedGeneration extends Generation {
  readonly number: number;
}

/** Generations that are numbers. */
class World {
  wanted = 1;
  opened = 0;
  most = 0;
  readonly open: number[] = [];

  rotation(takesOver: boolean): Rotation<NumberedGeneration> {
    return new Rotation(this.#open(), {
      open: () => Promise.resolve().then(() => this.#open()),
      isCurrent: ({ number }) => number === this.wanted,
      takesOver,
    });
  }

  #open(): NumberedGeneration {
    const number = this.wanted;
    if (number === 0) throw new Error("no generation 0");
    this.opened++;
    this.open.push(number);
    this.most = Math.max(this.most, this.open.length);
    return {
      number,
      close: () => {
        const at = this.open.indexOf(number);
        if (at !== -1) this.open.splice(at, 1);
        return Promise.resolve();
      },
    };
  }
}

/** A server that sends back what it gets. */
async function serve(engine: TlsEngine, certificates: ReturnType<typeof liveCertificateStore>) {
  const failures: string[] = [];
  const listener = await engine.listen({
    address: { host: "127.0.0.1", port: 0 },
    certificates,
    alpn: [],
    handshakeTimeout: 10_000,
    onConnection: ({ readable, writable }) => void readable.pipeTo(writable).catch(() => {}),
    onHandshakeFailure: ({ error }) => failures.push(error.message),
    onTrouble: (reason) => failures.push(reason),
  });
  return { listener, port: listener.address.port, failures };
}

async function connect(port: number): Promise<{ socket: tls.TLSSocket; fingerprint: string }> {
  const socket = tls.connect({ host: "127.0.0.1", port, ca: caPem, servername: "localhost" });
  await within(once(socket, "secureConnect"), "a handshake");
  const { fingerprint256 } = socket.getPeerCertificate();
  return { socket, fingerprint: fingerprint256.replaceAll(":", "").toLowerCase() };
}

/** The fingerprint of the certificate that a new connection gets. */
async function certificateOf(port: number): Promise<Certificate["fingerprint"]> {
  const { socket, fingerprint } = await connect(port);
  socket.end("bye");
  socket.resume();
  await within(once(socket, "close"), "the end of a connection");
  return fingerprint;
}

function once(socket: tls.TLSSocket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
  });
}
