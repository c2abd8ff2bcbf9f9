import assert from "node:assert/strict";
import net from "node:net";
import tls, { TLSSocket } from "node:tls";
import { testCertificates } from "../../tests/support/certificates.ts";
import { eventually, within } from "../../tests/support/deadline.ts";
import { applyBackPressure } from "./back_pressure.ts";

const MiB = 1024 * 1024;
const TOTAL = 64 * MiB;
/** What the system's own buffers and one turn of the runtime may take. */
const KEPT = 16 * MiB;
/** Nothing moves any more when nothing has moved for so long. */
const STILL_MS = 500;

Deno.test("applyBackPressure() has a paused socket stop its peer, and go on later", async () => {
  await using pair = await connect({ cured: true });
  pair.server.pause();
  const sending = pair.send(TOTAL);
  const stopped = await pair.whenStill();
  assert.ok(stopped < KEPT, `${stopped} bytes were taken while nobody read`);
  const received = countAll(pair.server);
  pair.server.resume();
  await within(sending, "the rest to be sent");
  assert.equal(await within(received, "the rest to come"), TOTAL);
});

Deno.test("the runtime still needs applyBackPressure(): a paused socket takes everything", async () => {
  await using pair = await connect({ cured: false });
  pair.server.pause();
  await within(pair.send(TOTAL), "all to be swallowed");
});

Deno.test("applyBackPressure() refuses sockets that are not made as it knows them", () => {
  assert.throws(() => applyBackPressure({}), TypeError);
  assert.throws(() => applyBackPressure(new net.Socket()), TypeError);
  const handle = { readStart: () => 0, readStop: () => 0 };
  assert.throws(() => applyBackPressure({ _handle: handle }), TypeError);
});

interface TlsPair extends AsyncDisposable {
  readonly server: TLSSocket;
  /** Settles when the runtime has taken so many bytes from the client. */
  send(total: number): Promise<void>;
  /** How many bytes were taken when no more are. */
  whenStill(): Promise<number>;
}

async function connect({ cured }: { cured: boolean }): Promise<TlsPair> {
  const { ec, caPem } = await testCertificates();
  const secureContext = tls.createSecureContext({
    cert: await Deno.readTextFile(ec.cert),
    key: await Deno.readTextFile(ec.key),
  });
  const accepted = Promise.withResolvers<TLSSocket>();
  const listener = net.createServer((socket) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    secure.on("secure", () => {
      if (cured) applyBackPressure(secure);
      accepted.resolve(secure);
    });
  });
  await new Promise<void>((resolve) => listener.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const { port } = listener.address() as net.AddressInfo;
  const client = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [caPem] });
  await within(client.handshake(), "a handshake");
  const server = await within(accepted.promise, "a connection");
  let sent = 0;
  return {
    server,
    async send(total) {
      const chunk = new Uint8Array(64 * 1024);
      for (; sent < total; sent += chunk.length) {
        for (let at = 0; at < chunk.length;) at += await client.write(chunk.subarray(at));
      }
      await client.closeWrite();
    },
    async whenStill() {
      let before = -1;
      let since = performance.now();
      return await eventually(() => {
        if (sent !== before) [before, since] = [sent, performance.now()];
        const still = performance.now() - since > STILL_MS && sent > 0;
        return Promise.resolve(still ? sent : undefined);
      }, "the client to be stopped");
    },
    async [Symbol.asyncDispose]() {
      client.close();
      server.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

function countAll(socket: TLSSocket): Promise<number> {
  let count = 0;
  socket.on("data", (chunk: Uint8Array) => count += chunk.length);
  return new Promise((resolve) => socket.on("end", () => resolve(count)));
}
