import assert from "node:assert/strict";
import { tcpPair } from "../../tests/support/tcp_pair.ts";
import { ProxyError } from "../core/errors.ts";
import { copyBytes } from "./copy_bytes.ts";

const SANITIZED = { sanitizeOps: true, sanitizeResources: true };

Deno.test("copyBytes() carries pieces of all sizes, and then the end", SANITIZED, async () => {
  await using from = await tcpPair();
  await using to = await tcpPair();
  const done = copyBytes(from.connection, to.connection);
  let length = 0;
  for (const size of [1, 2047, 2048, 2049, 300_000, 3]) {
    const piece = pattern(length, size);
    await from.far.write(piece);
    assert.deepEqual(await to.far.readBytes(size), piece, `${size} bytes`);
    length += size;
  }
  await from.far.end();
  await done;
  assert.equal(await to.far.readRest(), "");
  assert.equal(from.connection.bytes.read, length);
  assert.equal(to.connection.bytes.written, length);
});

Deno.test("copyBytes() reads no more than a peer takes", SANITIZED, async () => {
  await using from = await tcpPair();
  await using to = await tcpPair();
  const done = copyBytes(from.connection, to.connection);
  const TOTAL = 8 * 1024 * 1024;
  const sending = from.far.write(new Uint8Array(TOTAL));
  await to.far.readBytes(1);
  // what is read and not written yet lies in one buffer
  const held = () => from.connection.bytes.read - to.connection.bytes.written;
  assert.ok(held() <= 64 * 1024, `${held()} bytes`);
  await to.far.readBytes(TOTAL - 1);
  await sending;
  await from.far.end();
  await done;
});

Deno.test("copyBytes() fails with what either side fails with", SANITIZED, async () => {
  const reason = new ProxyError("draining", "The proxy is stopping");
  for (const side of ["from", "to"] as const) {
    await using from = await tcpPair();
    await using to = await tcpPair();
    const done = copyBytes(from.connection, to.connection);
    const failed = assert.rejects(done, reason);
    (side === "from" ? from : to).connection.close(reason);
    if (side === "to") await from.far.write("too late");
    await failed;
  }
});

/** So many bytes of a text without end, from a place in it. */
function pattern(start: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => ((start + i) * 31) & 0xff);
}
