import assert from "node:assert/strict";
import { PrefixedSocket } from "../io/prefixed_socket.ts";
import { ProxyError } from "../core/errors.ts";
import { readProxiedStart } from "./proxied_start.ts";

const LINE = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";

Deno.test("readProxiedStart() gives the client of a header that comes in pieces, and what follows", async () => {
  const pieces = [LINE.slice(0, 3), LINE.slice(3, 30), LINE.slice(30) + "hello ", "world"];
  await using pair = await connect();
  const started = readProxiedStart(pair.accepted, { timeout: 10_000 });
  for (const piece of pieces.slice(0, 3)) await pair.send(piece);
  const { origin, rest = new Uint8Array(0) } = await started ?? {};
  assert.deepEqual(origin, {
    peer: { host: "192.0.2.7", port: 4711 },
    local: { host: "192.0.2.1", port: 443 },
  });
  await pair.send(pieces[3] ?? "");
  const socket = new PrefixedSocket(pair.accepted, rest);
  let text = "";
  const buffer = new Uint8Array(4);
  while (text.length < 11) {
    text += new TextDecoder().decode(buffer.subarray(0, await socket.read(buffer) ?? 0));
  }
  assert.equal(text, "hello world");
});

Deno.test("readProxiedStart() reads a header of 4 KiB and tells nobody for LOCAL", async () => {
  const local = new Uint8Array(4096);
  local.set(Uint8Array.fromHex("0d0a0d0a000d0a515549540a20000ff0"));
  await using pair = await connect();
  const started = readProxiedStart(pair.accepted, { timeout: 10_000 });
  await pair.client.write(local);
  assert.deepEqual(await started, { origin: undefined, rest: new Uint8Array(0) });
});

Deno.test("readProxiedStart() gives nothing for who leaves without a word", async () => {
  await using pair = await connect();
  const started = readProxiedStart(pair.accepted, { timeout: 10_000 });
  await pair.client.closeWrite();
  assert.equal(await started, undefined);
  assert.equal(await pair.client.read(new Uint8Array(1)), null);
});

const FAILURES: readonly [name: string, code: string, act: (pair: Pair) => Promise<void>][] = [
  ["something else comes", "bad_proxy_header", (pair) => pair.send("GET / HTTP/1.1\r\n")],
  ["it ends amid it", "handshake_failed", async (pair) => {
    await pair.send("PROXY TCP");
    await pair.client.closeWrite();
  }],
  ["nothing comes in time", "handshake_timeout", () => Promise.resolve()],
  ["half of it comes in time", "handshake_timeout", (pair) => pair.send("PROXY TCP")],
];

for (const [name, code, act] of FAILURES) {
  Deno.test(`readProxiedStart() closes the connection when ${name}`, async () => {
    await using pair = await connect();
    const timeout = code === "handshake_timeout" ? 100 : 10_000;
    const started = readProxiedStart(pair.accepted, { timeout });
    const failed = started.then(() => undefined, (error: unknown) => error);
    await act(pair);
    const error = await failed;
    assert.ok(error instanceof ProxyError);
    assert.equal(error.code, code);
    // either end of it may show as a reset, where bytes were left unread
    const gone = await pair.client.read(new Uint8Array(1)).catch(() => null);
    assert.equal(gone, null);
  });
}

Deno.test("readProxiedStart() gives nothing of a connection that it has closed meanwhile", async () => {
  await using pair = await connect();
  const closed = Promise.withResolvers<void>();
  const socket = {
    // a busy runtime tells of both at once, and of the timer first
    read: async (into: Uint8Array) => {
      const count = await pair.accepted.read(into);
      await closed.promise;
      return count;
    },
    close: () => {
      pair.accepted.close();
      closed.resolve();
    },
  } as Deno.TcpConn;
  await pair.send(LINE);
  await assert.rejects(readProxiedStart(socket, { timeout: 100 }), { code: "handshake_timeout" });
});

interface Pair extends AsyncDisposable {
  readonly client: Deno.TcpConn;
  readonly accepted: Deno.TcpConn;
  send(text: string): Promise<void>;
}

async function connect(): Promise<Pair> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const accepted = await accepting;
  client.setNoDelay(true);
  return {
    ...{ client, accepted },
    send: async (text) => void await client.write(new TextEncoder().encode(text)),
    [Symbol.asyncDispose]() {
      for (const socket of [client, accepted]) {
        try {
          socket.close();
        } catch {
          // the test has closed it
        }
      }
      return Promise.resolve();
    },
  };
}
