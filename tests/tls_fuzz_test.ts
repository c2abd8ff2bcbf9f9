import assert from "node:assert/strict";
import fc from "fast-check";
import { startEcho } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { eventually } from "./support/deadline.ts";
import { RecordClient } from "./support/record_client.ts";
import { type ProxyProcess, startProxy } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/**
 * What strangers may send to the openssl engine, at random, for some seconds in the suite and for as
 * long as `FUZZ_SECONDS` says in `deno task fuzz:tls`: memory and descriptors are back where they
 * were afterwards. What fails names its seed: `FUZZ_SEED` plays it again.
 */
const SECONDS = Number(Deno.env.get("FUZZ_SECONDS") ?? 3);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Date.now() % 1_000_000_000);

const CLIENTS = 16;
const MiB = 1024 * 1024;
/** What the runtime may keep of it, and the allocator. */
const KEPT_BYTES = 40 * MiB;

/** One client's life: what it says, and how it leaves. */
interface Life {
  readonly hello: Uint8Array;
  /** Bytes of the hello that come, and whether the handshake is done by a library instead. */
  readonly cut: number;
  readonly shakesHands: boolean;
  readonly records: readonly { readonly type: number; readonly content: Uint8Array }[];
  readonly raw: Uint8Array;
  readonly waits: boolean;
}

const HELLOS = CAPTURED_HELLOS.map(({ bytes }) => bytes);

const life: fc.Arbitrary<Life> = fc.record({
  hello: fc.constantFrom(...HELLOS).chain((hello) =>
    fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 3 }).map((damage) => {
      const damaged = hello.slice();
      for (const [at, byte] of damage) damaged[at] = byte;
      return damaged;
    })
  ),
  cut: fc.nat(2000),
  shakesHands: fc.boolean(),
  records: fc.array(
    fc.record({
      type: fc.oneof(fc.constantFrom(20, 21, 22, 23), fc.nat(255)),
      content: fc.uint8Array({ maxLength: 300 }),
    }),
    { maxLength: 8 },
  ),
  raw: fc.uint8Array({ maxLength: 400 }),
  waits: fc.boolean(),
});

Deno.test("whatever strangers send, memory and descriptors come back", async () => {
  await using echo = await startEcho({ brokenOff: true });
  const { ec } = await testCertificates();
  await using proxy = await startProxy([
    ...["--listen", "127.0.0.1:0", "--backend", echo.address, "--mode", "tcp"],
    ...["--engine", "openssl", "--cert", ec.cert, "--key", ec.key],
    ...["--no-access-log", "--no-tls-log", "--log-level", "error"],
  ], { smallHeap: true });
  await liveFor(proxy, 1);
  const [memory, files] = [await proxy.memory(), await proxy.openFiles()];
  const lived = await liveFor(proxy, SECONDS);
  assert.ok(lived > 0);
  const said = `after ${lived} connections, FUZZ_SEED=${SEED}`;
  await eventually(async () => await proxy.openFiles() <= files || undefined, `files ${said}`);
  const kept = await proxy.memory() - memory;
  assert.ok(kept < KEPT_BYTES, `${Math.round(kept / MiB)} MiB are kept ${said}`);
  using client = await connectTls(proxy.port);
  await client.write("ping");
  assert.equal(await client.readText(4), "ping");
});

/** @returns how many connections there were */
async function liveFor({ port }: ProxyProcess, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let lived = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    for (let batch = 0; performance.now() < end; batch++) {
      const lives = fc.sample(life, { numRuns: 50, seed: SEED + client * 1000 + batch });
      for (const each of lives) {
        if (performance.now() >= end) break;
        await live(port, each);
        lived++;
      }
    }
  }));
  return lived;
}

/** It ends however the proxy likes: that it goes on is looked at in the end. */
async function live(port: number, each: Life): Promise<void> {
  try {
    if (each.shakesHands) {
      using client = await RecordClient.connect(port);
      const records = each.records.map(({ type, content }) => client.record(type, content));
      await client.send(...records, each.raw);
      if (each.waits) await client.tcp.read(new Uint8Array(100));
      return;
    }
    using tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    await tcp.write(each.hello.subarray(0, Math.max(1, each.cut)));
    await tcp.write(each.raw.length === 0 ? Uint8Array.of(0) : each.raw);
    if (each.waits && each.cut > each.hello.length) await tcp.read(new Uint8Array(100));
  } catch {
    // it was cut off
  }
}
