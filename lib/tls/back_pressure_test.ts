import assert from "node:assert/strict";
import net from "node:net";
import { denoTransport, nodeTransport } from "../../tests/support/connection.ts";
import { within } from "../../tests/support/deadline.ts";
import { Flood, Sink } from "../../tests/support/flood.ts";
import { tlsPair } from "../../tests/support/tls_pair.ts";
import { applyBackPressure } from "./back_pressure.ts";

const MiB = 1024 * 1024;
/** What is sent to a socket that does not read. */
const TOTAL_BYTES = 48 * MiB;
/** What the system's buffers at both ends may take of it. */
const KERNEL_BYTES = 20 * MiB;

Deno.test("applyBackPressure() stops the sender when the socket is paused, and loses nothing", async () => {
  await using pair = await tlsPair();
  applyBackPressure(pair.server);
  pair.server.pause();
  const flood = new Flood(denoTransport(pair.client), TOTAL_BYTES);
  assert.equal(await flood.stalls(), true);
  assert.ok(flood.sent < KERNEL_BYTES, `${flood.sent} bytes were taken`);

  pair.server.resume();
  const sink = new Sink(nodeTransport(pair.server, () => {}));
  await sink.takeUntil(TOTAL_BYTES / 3);
  // nobody calls pause() here: a socket that is read by read() pauses itself
  assert.equal(await flood.stalls(), true);
  assert.ok(flood.sent - sink.size < KERNEL_BYTES, `${flood.sent - sink.size} bytes were taken`);

  await sink.takeUntil(TOTAL_BYTES);
  await within(flood.done, "the rest to be sent");
  assert.equal(sink.size, TOTAL_BYTES);
  assert.equal(sink.digest(), flood.digest());
});

Deno.test("a paused node:tls socket swallows everything without applyBackPressure()", async () => {
  await using pair = await tlsPair();
  pair.server.pause();
  const flood = new Flood(denoTransport(pair.client), TOTAL_BYTES);
  await within(
    flood.done,
    "all to be swallowed; if it is not, the trap is gone, and so can the cure",
  );
  assert.equal(flood.sent, TOTAL_BYTES);
});

Deno.test("applyBackPressure() throws TypeError when there are no such handles", async () => {
  await using pair = await tlsPair();
  const handle = { readStart: () => 0, readStop: () => 0 };
  for (
    const [socket, message] of [
      [{}, /no handle to pause/],
      [{ _handle: null }, /no handle to pause/],
      [{ _handle: { readStart: () => 0 } }, /no handle to pause/],
      [{ _handle: { ...handle, readStop: 0 } }, /no handle to pause/],
      [new net.Socket(), /no handle to pause/],
      [{ _handle: handle }, /no TCP handle beneath/],
      [{ _handle: { ...handle, _nativeTcpHandle: null } }, /no TCP handle beneath/],
      [{ _handle: { ...handle, _nativeTcpHandle: {} } }, /no TCP handle beneath/],
      [pair.tcp, /no TCP handle beneath/],
    ] as const
  ) {
    assert.throws(() => applyBackPressure(socket), { name: "TypeError", message });
  }
});
