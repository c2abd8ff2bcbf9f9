import assert from "node:assert/strict";
import { denoTransport } from "../../tests/support/connection.ts";
import { within } from "../../tests/support/deadline.ts";
import { type TlsPair, tlsPair } from "../../tests/support/tls_pair.ts";
import { applyBackPressure } from "./back_pressure.ts";
import { NodeConnection } from "./node_connection.ts";
import { freeSpent, freeSpentInput } from "./spent_memory.ts";

const KiB = 1024;

Deno.test("freeSpent() frees what is large and has a buffer of its own", () => {
  for (
    const [bytes, size] of [
      [new Uint8Array(64 * KiB), 0],
      [new Uint8Array(4 * KiB), 0],
      [new Uint8Array(4 * KiB - 1), 4 * KiB - 1],
      [new Uint8Array(0), 0],
      // others lie beside it
      [new Uint8Array(64 * KiB).subarray(1), 64 * KiB],
      [new Uint8Array(64 * KiB).subarray(0, 32 * KiB), 64 * KiB],
      [new Uint8Array(new SharedArrayBuffer(64 * KiB)), 64 * KiB],
    ] as const
  ) {
    const { buffer } = bytes;
    freeSpent(bytes);
    assert.equal(buffer.byteLength, size);
    freeSpent(bytes);
    assert.equal(buffer.byteLength, size);
  }
});

Deno.test("freeSpentInput() frees what a node:tls socket has received, and changes none of it", async () => {
  await using pair = await tlsPair();
  const received: Uint8Array[] = [];
  const handle = handleOf(pair);
  const { receive } = handle;
  handle.receive = (bytes) => {
    received.push(bytes);
    receive.call(handle, bytes);
  };
  // where this fails the runtime has no such field any more
  assert.equal(freeSpentInput(pair.server), true);
  const sent = noise(300 * KiB);
  const connection = nodeConnection(pair);
  const sending = send(pair, sent);
  const got = new Uint8Array(sent.length);
  for (let at = 0;;) {
    const chunk = await within(connection.read(), "a chunk");
    if (chunk === undefined) break;
    got.set(chunk, at);
    at += chunk.length;
  }
  await sending;
  assert.deepEqual(got, sent);
  connection.close();
  assert.ok(received.some((bytes) => bytes.buffer.byteLength === 0));
  for (const { buffer } of received) assert.ok(buffer.byteLength < 4 * KiB);
});

Deno.test("freeSpentInput() leaves what has no such handle as it is", () => {
  for (const socket of [{}, { _handle: null }, { _handle: { receive: 0 } }]) {
    assert.equal(freeSpentInput(socket), false);
  }
});

Deno.test("NodeConnection frees a chunk once two more were asked for", async () => {
  await using pair = await tlsPair();
  const connection = nodeConnection(pair);
  const sent = noise(600 * KiB);
  const sending = send(pair, sent);
  const got = new Uint8Array(sent.length);
  let at = 0;
  let freed = 0;
  const held: { chunk: Uint8Array; from: number; large: boolean }[] = [];
  for (;;) {
    const asked = connection.read();
    const over = held.length === 2 ? held.shift() : undefined;
    if (over?.large) {
      assert.equal(over.chunk.length, 0);
      freed++;
    }
    for (const { chunk, from } of held) {
      assert.deepEqual(chunk, sent.subarray(from, from + chunk.length));
    }
    const chunk = await within(asked, "a chunk");
    if (chunk === undefined) break;
    got.set(chunk, at);
    held.push({ chunk, from: at, large: isAlone(chunk) && chunk.length >= 4 * KiB });
    at += chunk.length;
  }
  await sending;
  assert.deepEqual(got, sent);
  assert.ok(freed > 0);
  // what is left is over when the connection is told so
  connection.release();
  for (const { chunk, large } of held) if (large) assert.equal(chunk.length, 0);
  connection.close();
});

/** Made as the engine makes it. */
function nodeConnection({ server, tcp }: TlsPair): NodeConnection {
  applyBackPressure(server);
  const nowhere = { host: "127.0.0.1", port: 0 };
  return new NodeConnection({ socket: server, raw: tcp }, {
    peer: nowhere,
    local: nowhere,
    certificate: undefined,
    tls: {
      sni: undefined,
      alpn: undefined,
      protocol: undefined,
      cipher: undefined,
      resumed: undefined,
      handshakeMs: 0,
    },
  });
}

function isAlone({ length, buffer }: Uint8Array): boolean {
  return length === buffer.byteLength;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 7919 + (i >> 8) * 31) & 0xff);
}

async function send({ client }: TlsPair, bytes: Uint8Array): Promise<void> {
  const transport = denoTransport(client);
  await transport.write(bytes);
  await transport.end();
}

interface Receiver {
  receive(bytes: Uint8Array): void;
}

function handleOf({ server }: TlsPair): Receiver {
  return (server as unknown as { _handle: Receiver })._handle;
}
