import assert from "node:assert/strict";
import { startEcho } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { eventually } from "./support/deadline.ts";
import { type ProxyProcess, startProxy } from "./support/start_proxy.ts";
import { live, strangeLives } from "./support/strange_lives.ts";
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
  await say(`tls fuzz: ${Math.round(kept / MiB)} MiB and ${await proxy.openFiles()} files ${said}`);
  assert.ok(kept < KEPT_BYTES, `${Math.round(kept / MiB)} MiB are kept ${said}`);
  using client = await connectTls(proxy.port);
  await client.write("ping");
  assert.equal(await client.readText(4), "ping");
});

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}

/** @returns how many connections there were */
async function liveFor({ port }: ProxyProcess, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let lived = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
    for (let batch = 0; performance.now() < end; batch++) {
      const lives = strangeLives(50, SEED + client * 1000 + batch);
      for (const each of lives) {
        if (performance.now() >= end) break;
        await live(port, each);
        lived++;
      }
    }
  }));
  return lived;
}
