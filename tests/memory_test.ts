import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { denoTransport, TestConnection, type Transport } from "./support/connection.ts";
import { DEADLINE_MS, pause } from "./support/deadline.ts";
import { readRequestHead } from "./support/http.ts";
import { ENGINES, type ProxyProcess, startProxyFor } from "./support/start_proxy.ts";
import { openTls } from "./support/tls_client.ts";

const MiB = 1024 * 1024;
/** What would have to be kept if nobody stopped it. */
const TOTAL_BYTES = 200 * MiB;
/** How much more than at rest the proxy may use. */
const ALLOWED_BYTES = 30 * MiB;
/** Bytes that the system's own buffers may take on the way, on each of two connections. */
const KERNEL_BYTES = 40 * MiB;
/** Nothing moves any more when nothing has moved for so long. */
const STILL_MS = 1_000;

/** How a stream is carried one way: the bytes in front of it. */
interface Carrier {
  readonly name: "http" | "tcp" | "tunnel";
  readonly mode: "http" | "tcp";
  readonly upload: string;
  readonly download: string;
  readonly answer: string;
}

const CARRIERS: readonly Carrier[] = [
  { name: "tcp", mode: "tcp", upload: "U", download: "D", answer: "" },
  {
    name: "http",
    mode: "http",
    upload: `POST /u HTTP/1.1\r\nHost: a\r\nContent-Length: ${TOTAL_BYTES}\r\n\r\n`,
    download: "GET /d HTTP/1.1\r\nHost: a\r\n\r\n",
    answer: `HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL_BYTES}\r\n\r\n`,
  },
  {
    name: "tunnel",
    mode: "http",
    upload: "GET /u HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
    download: "GET /d HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
    answer: "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
  },
];

for (const engine of ENGINES) {
  for (const carrier of CARRIERS) {
    const { name, mode } = carrier;
    Deno.test(`memory stays small when one side does not read (${name}, ${engine})`, async () => {
      const stream = new Progress();
      let reading = true;
      await using backend = await startBackend(async (connection) => {
        const uploads = mode === "tcp"
          ? await connection.readText(1) === "U"
          : (await readRequestHead(connection)).target === "/u";
        if (!uploads || name === "tunnel") await connection.write(carrier.answer);
        if (!uploads) {
          await send(connection.transport, stream.download);
        } else if (reading) await receive(connection.transport);
        // until the test is over, which ends the connection
        await new Promise(() => {});
      }, { brokenOff: true });
      await using proxy = await startProxyFor({ engine, mode, backend: backend.address });

      // a runtime takes what it needs for its first traffic and keeps it
      await carryAll(proxy, carrier, stream);
      const atRest = await proxy.memory();
      reading = false;

      const { uploaded, downloaded, peak } = await stall(proxy, carrier, stream);
      assert.ok(uploaded < KERNEL_BYTES, `${mib(uploaded)} of the upload were taken`);
      assert.ok(downloaded < KERNEL_BYTES, `${mib(downloaded)} of the download were taken`);
      assert.ok(peak - atRest < ALLOWED_BYTES, `from ${mib(atRest)} to ${mib(peak)}`);
    });
  }
}

/** Bytes that the senders got rid of. */
class Progress {
  readonly upload = { bytes: 0 };
  readonly download = { bytes: 0 };

  get total(): number {
    return this.upload.bytes + this.download.bytes;
  }
}

/** Sends everything one way, then the other, while everybody reads. */
async function carryAll(
  proxy: ProxyProcess,
  { upload, download }: Carrier,
  stream: Progress,
): Promise<void> {
  const up = await connect(proxy.port, upload);
  await send(up, stream.upload);
  up.close();
  const down = await connect(proxy.port, download);
  await receive(down);
  down.close();
  stream.upload.bytes = 0;
  stream.download.bytes = 0;
}

/** Sends one way to a backend and the other way to a client that do not read. */
async function stall(
  proxy: ProxyProcess,
  carrier: Carrier,
  stream: Progress,
): Promise<{ uploaded: number; downloaded: number; peak: number }> {
  const [up, down] = await Promise.all([
    connect(proxy.port, carrier.upload),
    connect(proxy.port, carrier.download),
  ]);
  const sending = send(up, stream.upload).catch(() => {});
  let peak = 0;
  let [last, since] = [-1, performance.now()];
  for (const end = since + DEADLINE_MS; performance.now() - since < STILL_MS;) {
    assert.ok(performance.now() < end, "it never stands still");
    peak = Math.max(peak, await proxy.memory());
    if (stream.total !== last) [last, since] = [stream.total, performance.now()];
    await pause(20);
  }
  up.close();
  down.close();
  await sending;
  return { uploaded: stream.upload.bytes, downloaded: stream.download.bytes, peak };
}

async function connect(port: number, first: string): Promise<Transport> {
  const transport = denoTransport(await openTls(port));
  await new TestConnection(transport).write(first);
  return transport;
}

async function send(transport: Transport, progress: { bytes: number }): Promise<void> {
  const block = new Uint8Array(64 * 1024).fill(0x61);
  for (let sent = 0; sent < TOTAL_BYTES; sent += block.length) {
    await transport.write(block);
    progress.bytes += block.length;
  }
}

/** Reads as many bytes as `send` sends, and whatever head comes in front. */
async function receive(transport: Transport): Promise<void> {
  let size = 0;
  for (let chunk; size < TOTAL_BYTES && (chunk = await transport.read()) !== undefined;) {
    size += chunk.length;
  }
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}
