import assert from "node:assert/strict";
import { joinBytes } from "../lib/core/bytes.ts";
import { startEcho, type TestBackend, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { CAPTURED_HELLOS } from "./support/client_hellos.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, within } from "./support/deadline.ts";
import { lastWords, sClient } from "./support/engine_looks.ts";
import { type Ending, RECORD, RecordClient } from "./support/record_client.ts";
import { Lines } from "./support/lines.ts";
import { type ProxyProcess, startProxyFor } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";
import { run } from "./support/tools.ts";

/** What strangers do to the openssl engine: fatal records, hellos in pieces, floods. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Milliseconds in which a connection has to be over, beside what the machine is slow. */
const AT_ONCE_MS = 5_000;

const PING = new TextEncoder().encode("ping");
const NOISE = new Uint8Array(64 * KiB).fill(0x5a);

interface Attack {
  /** What is sent behind a handshake, by who has shaken hands. */
  readonly send: (client: RecordClient) => readonly Uint8Array[];
  /** The alert that says why (RFC 8446, section 6); undefined for any that ends it. */
  readonly alert: number | undefined;
  /** What the log has of it. */
  readonly reason: RegExp;
}

const FATAL: Readonly<Record<string, Attack>> = {
  "a record that cannot be decrypted": {
    send: () => [Uint8Array.of(23, 3, 3, 0, 64, ...Array(64).fill(1))],
    alert: 20,
    reason: /bad record MAC/,
  },
  "a record of no known type": {
    send: () => [Uint8Array.of(99, 3, 3, 0, 1, 0)],
    alert: 10,
    reason: /bad record type/,
  },
  "a record in plain text": {
    send: () => [Uint8Array.of(22, 3, 3, 0, 4, 0, 0, 0, 0)],
    alert: 10,
    reason: /./,
  },
  "a record that is too long": {
    send: () => [Uint8Array.of(23, 3, 3, 0xff, 0xff)],
    alert: 22,
    reason: /length too long/,
  },
  "a record with nothing but padding": {
    send: (client) => [client.record(0, new Uint8Array(50))],
    alert: 10,
    reason: /./,
  },
  "a handshake message that is none": {
    send: (client) => [client.record(RECORD.handshake, Uint8Array.of(77, 0, 0, 1, 1))],
    alert: 10,
    reason: /unexpected message/,
  },
  "a KeyUpdate that asks for something else": {
    send: (client) => [client.record(RECORD.handshake, Uint8Array.of(24, 0, 0, 1, 9))],
    alert: 47,
    reason: /bad key update/,
  },
  "a flood of empty records": {
    send: (client) =>
      Array.from({ length: 100 }, () => client.record(RECORD.data, NOISE.slice(0, 0))),
    alert: 10,
    reason: /too many empty records|record too small/,
  },
  "a flood of KeyUpdates": {
    send: (client) => Array.from({ length: 4000 }, () => client.keyUpdate()),
    alert: undefined,
    reason: /too many records without data/,
  },
  "a flood of warnings": {
    send: (client) =>
      Array.from({ length: 100 }, () => client.record(RECORD.alert, Uint8Array.of(1, 90))),
    alert: 10,
    reason: /too many warn alerts/,
  },
};

Deno.test("each fatal record gets its alert at once, and what follows is not kept", async () => {
  await using echo = await startEcho({ brokenOff: true });
  await using proxy = await startEchoProxy(echo);
  // what the runtime takes for its first traffic it keeps
  let ended = 3;
  for (let i = 0; i < ended; i++) await attack(proxy, FATAL["a record of no known type"]);
  await proxy.log.count(/ end peer=/, ended);
  const atRest = await proxy.memory();
  for (const [name, how] of Object.entries(FATAL)) {
    const { ending, sent, ms } = await attack(proxy, how);
    if (how.alert !== undefined) assert.equal(ending.alert, how.alert, name);
    else assert.ok(ending.alert !== undefined && ending.alert > 0, `${name}: ${ending.alert}`);
    assert.ok(ms < AT_ONCE_MS, `${name}: ${ms} ms`);
    assert.ok(sent < 32 * MiB, `${name}: ${sent} bytes of what followed were taken`);
    const ends = await proxy.log.count(/ end peer=/, ++ended);
    assert.match(ends.at(-1) ?? "", how.reason, name);
  }
  assert.ok(await proxy.memory() - atRest < 30 * MiB, "what is sent behind a fatal record is kept");
  await stillServes(proxy);
});

/** Shakes hands, sends what an attack does, and then as much as is taken. */
async function attack(
  proxy: ProxyProcess,
  how: Attack | undefined,
): Promise<{ ending: Ending; sent: number; ms: number }> {
  assert.ok(how);
  using client = await RecordClient.connect(proxy.port);
  const records = how.send(client);
  const started = performance.now();
  const ending = client.ending();
  await client.send(...records);
  const sent = await client.send(...Array.from({ length: 1024 }, () => NOISE));
  return { ending: await ending, sent, ms: performance.now() - started };
}

Deno.test("KeyUpdates now and then are heard, and data goes on", async () => {
  await using echo = await startEcho();
  await using proxy = await startEchoProxy(echo);
  using client = await RecordClient.connect(proxy.port);
  for (let i = 0; i < 50; i++) {
    await client.send(client.keyUpdate(), client.record(RECORD.data, PING));
  }
  await client.send(client.record(RECORD.alert, Uint8Array.of(1, 0)));
  assert.deepEqual(await client.ending(), { alert: 0, how: "FIN" });
  await proxy.log.first(/ info end peer=\S+ in=200 out=200 .*how=done$/);
});

Deno.test("a KeyUpdate in parts keeps an answer until it is whole", async () => {
  await using echo = await startEcho();
  await using proxy = await startEchoProxy(echo);
  for (const cut of [1, 3, 4]) {
    using client = await RecordClient.connect(proxy.port);
    const data = client.record(RECORD.data, PING);
    const [begins, ends] = client.keyUpdateInParts(cut);
    assert.ok(begins !== undefined && ends !== undefined);
    await client.send(joinBytes([data, begins]));
    // as long as the echo takes
    await stillServes(proxy);
    await client.send(
      ends,
      client.record(RECORD.data, PING),
      client.record(RECORD.alert, Uint8Array.of(1, 0)),
    );
    assert.deepEqual(await client.ending(), { alert: 0, how: "FIN" }, `cut at ${cut}`);
  }
  await proxy.log.count(/ info end peer=\S+ in=8 out=8 .*how=done$/, 3);
});

Deno.test("a ClientHello in pieces is as good as a whole one", async () => {
  await using echo = await startEcho();
  await using proxy = await startEchoProxy(echo);
  const hello = CAPTURED_HELLOS.find(({ client }) => client.includes("-tls1_3"))?.bytes;
  assert.ok(hello);
  const SPLITS: Readonly<Record<string, readonly number[]>> = {
    "byte by byte": Array(hello.length).fill(1),
    "60 pieces": Array(60).fill(Math.ceil(hello.length / 60)),
    "two segments": [Math.floor(hello.length / 2), hello.length],
    "header apart": [5, hello.length],
    "all but one byte": [hello.length - 1, 1],
  };
  for (const [name, sizes] of Object.entries(SPLITS)) {
    for (let turn = 0; turn < 5; turn++) {
      using client = await connectTcp(proxy.port);
      let at = 0;
      for (const size of sizes) {
        if (at >= hello.length) break;
        await client.write(hello.slice(at, at + size));
        at += size;
      }
      const answer = await within(client.readBytes(3), `an answer to a hello, ${name}`);
      assert.deepEqual([...answer], [22, 3, 3], name);
    }
  }
});

Deno.test("a hello of any size that is allowed is answered, and a larger one refused", async () => {
  await using echo = await startEcho();
  await using proxy = await startEchoProxy(echo);
  for (const protocols of [1, 50, 200]) {
    const names = Array.from({ length: protocols }, (_, i) => `x-${i}-${"y".repeat(240)}`);
    const flags = ["-alpn", names.join(",")];
    const { stdout } = await run("openssl", sClient(proxy.port, flags), { input: "" });
    assert.match(stdout, /^New, TLSv1\.3/m, `${protocols} names`);
  }
});

Deno.test("a flood of change_cipher_spec ends a handshake", async () => {
  await using echo = await startEcho();
  await using proxy = await startEchoProxy(echo);
  const hello = CAPTURED_HELLOS.find(({ client }) => client.includes("-tls1_3"))?.bytes;
  assert.ok(hello);
  using client = await connectTcp(proxy.port);
  // change_cipher_spec, which TLS 1.3 passes over (RFC 8446, section 5)
  const nothing = Uint8Array.of(20, 3, 3, 0, 1, 1);
  const flood = new Uint8Array(100 * KiB).map((_, i) => nothing[i % nothing.length] ?? 0);
  const words = lastWords(client);
  await client.write(hello).catch(() => {});
  await client.write(flood).catch(() => {});
  await within(words, "the end");
  await proxy.log.first(/ handshake failed .* reason="unexpected ccs message"$/);
  await stillServes(proxy);
});

Deno.test("renegotiation is refused, and the connection is none the worse", async () => {
  await using echo = await startEcho({ brokenOff: true });
  await using proxy = await startEchoProxy(echo);
  const child = new Deno.Command("openssl", {
    args: sClient(proxy.port, ["-tls1_2"]),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [shown, said] = [new Lines(child.stdout), new Lines(child.stderr)];
  const writer = child.stdin.getWriter();
  try {
    await shown.first(/^New, TLSv1\.2, /);
    // a line of this letter alone has it ask for a new handshake
    await writer.write(new TextEncoder().encode("R\n"));
    await said.first(/no renegotiation/);
  } finally {
    await writer.close().catch(() => {});
    await Promise.all([child.status, shown.ended, said.ended]);
  }
  await stillServes(proxy);
});

Deno.test("early data that nobody has asked for is passed over, and the rest is served", async () => {
  await using echo = await startEcho();
  await using proxy = await startEchoProxy(echo);
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-early-" });
  try {
    const { ec } = await testCertificates();
    const session = `${folder}/session`;
    await takeEarlyDataTicket(session, ec);
    for (const size of [100, 8 * KiB, 14 * KiB]) {
      await Deno.writeTextFile(`${folder}/early`, "e".repeat(size));
      const { stdout } = await run("openssl", [
        ...sClient(proxy.port, ["-tls1_3", "-sess_in", session, "-early_data", `${folder}/early`]),
      ], { input: "late\n" });
      assert.match(stdout, /^Early data was rejected/m, `${size} bytes`);
      assert.match(stdout, /^New, TLSv1\.3/m);
    }
    await proxy.log.count(/ info end .* in=5 .*how=done$/, 3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A ticket of another server that allows early data, which makes a client send some. */
async function takeEarlyDataTicket(
  path: string,
  { cert, key }: { cert: string; key: string },
): Promise<void> {
  const port = await unusedPort();
  const server = new Deno.Command("openssl", {
    args: [
      ...["s_server", "-accept", `127.0.0.1:${port}`, "-cert", cert, "-key", key],
      ...["-early_data", "-max_early_data", "16384", "-quiet"],
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await eventually(async () => {
      const { code } = await run(
        "openssl",
        sClient(port, ["-tls1_3", "-sess_out", path]),
        { input: "x\n" },
      );
      return code === 0 && (await Deno.stat(path).catch(() => undefined))?.size || undefined;
    }, "a ticket of openssl s_server");
  } finally {
    await server.stdin.close().catch(() => {});
    try {
      server.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await server.status;
  }
}

Deno.test("connections that are reset before they are accepted keep nobody waiting", async () => {
  await using echo = await startEcho();
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners:
  - { listen: "127.0.0.1:0", mode: tcp, engine: openssl }
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${echo.address}"] } }
routes: [{ backend: a }]
log: { tls: false }
workers: 1
`);
  for (let round = 0; round < 5; round++) {
    const gone = await Promise.all(Array.from({ length: 40 }, () => connectTcp(proxy.port)));
    for (const client of gone) client.reset();
    await stillServes(proxy);
  }
});

async function startEchoProxy(echo: TestBackend): Promise<ProxyProcess> {
  return await startProxyFor({ engine: "openssl", mode: "tcp", backend: echo.address });
}

async function stillServes(proxy: ProxyProcess): Promise<void> {
  using client = await connectTls(proxy.port);
  await client.write("ping");
  assert.equal(await client.readText(4), "ping");
  await client.end();
  assert.equal(await client.readRest(), "");
}
