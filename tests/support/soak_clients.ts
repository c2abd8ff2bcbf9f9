import { createHash } from "node:crypto";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import type { CertificateFiles } from "./certificates.ts";
import { testCertificates } from "./certificates.ts";
import { expectedBody, expectedDownload } from "./chaos_answer.ts";
import { type ChaosClient, connectClient, judged } from "./chaos_clients.ts";
import type { Calm, ClientKind } from "./chaos_load.ts";
import { latin1 } from "./connection.ts";
import { within } from "./deadline.ts";
import { encodeRequest, readAnswer } from "./http.ts";
import { Http2Client } from "./http2_client.ts";
import { data, headers, requestFields } from "./http2_frames.ts";
import { CLIENT_LEAVES, WAYS } from "./leaving_clients.ts";
import { live, strangeLives } from "./strange_lives.ts";
import { connectNodeTls, connectTcp } from "./tls_client.ts";

/** The proxy that clients of the soak are for. */
export interface SoakTarget {
  readonly port: number;
  readonly adminPort: number;
  /** What gets a client in under `CLIENTS_NAME`; undefined where nothing is asked for. */
  readonly proof: CertificateFiles | undefined;
  readonly calm: Calm;
  readonly seed: number;
}

/** The name under which clients have to prove who they are. */
export const CLIENTS_NAME = "clients.test";

type Version = "http/1.1" | "h2";

/** All kinds of clients at once, for one proxy. */
export function soakClients(target: SoakTarget): ClientKind[] {
  const { port, proof } = target;
  const versions = ["http/1.1", "h2"] as const;
  const each = (name: string, connect: (version: Version) => Promise<ChaosClient>, pause: number) =>
    versions.map((version) => ({
      ...{ name: `${name}, ${version}`, count: 1, pause },
      connect: () => connect(version),
    }));
  return [
    ...each("kept alive", (version) => connectClient(port, version), 10),
    ...each("small", (version) => connectClient(port, version), 30),
    ...each("upload", (version) => Fetcher.connect(target, version, upload), 100),
    ...each("download", (version) => Fetcher.connect(target, version, download), 100),
    ...each("limited", (version) => Fetcher.connect(target, version, limited), 100),
    ...each("sticky", (version) => stickyClient(target, version), 50),
    { name: "WebSocket", count: 1, pause: 50, connect: () => alone(() => webSocket(port)) },
    {
      ...{ name: "WebSocket, h2", count: 1, pause: 50 },
      connect: () => alone(() => webSocketByHttp2(port)),
    },
    { name: "leaves", count: 1, pause: 20, connect: () => alone((number) => leave(port, number)) },
    {
      ...{ name: "stranger", count: 1, pause: 20 },
      connect: () => alone((number) => strange(port, target.seed + number)),
    },
    {
      ...{ name: "events", count: 2, pause: 500 },
      connect: () => alone(() => readEvents(target.adminPort)),
    },
    ...(proof === undefined ? [] : [{
      ...{ name: "proves", count: 1, pause: 50 },
      connect: () => alone((number) => prove(port, number % 3 === 0 ? undefined : proof)),
    }]),
  ];
}

/** One that has a connection of its own for each request. */
function alone(ask: ChaosClient["ask"]): Promise<ChaosClient> {
  return Promise.resolve({ ask, isOver: false, [Symbol.dispose]: () => {} });
}

interface Fetched {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

/** What one asks for, and what it makes of the answer. */
type Asking = (fetcher: Fetcher, number: number) => Promise<string>;

/** Requests by the runtime's own client, which has gone through a few when it is over. */
class Fetcher implements ChaosClient {
  readonly #client: Deno.HttpClient;
  readonly #port: number;
  readonly #ask: Asking;
  #asked = 0;

  private constructor(client: Deno.HttpClient, port: number, ask: Asking) {
    this.#client = client;
    this.#port = port;
    this.#ask = ask;
  }

  static async connect({ port }: SoakTarget, version: Version, ask: Asking): Promise<Fetcher> {
    const { caPem } = await testCertificates();
    const client = Deno.createHttpClient({
      ...{ caCerts: [caPem], http1: version !== "h2", http2: version === "h2" },
    });
    return new Fetcher(client, port, ask);
  }

  get isOver(): boolean {
    return this.#asked >= 20;
  }

  ask(number: number): Promise<string> {
    this.#asked++;
    return this.#ask(this, number);
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Fetched> {
    const abort = new AbortController();
    const { signal } = abort;
    const url = `https://127.0.0.1:${this.#port}${path}`;
    const answered = fetch(url, { ...init, signal, client: this.#client }).then(
      async (response) => {
        const { status, headers } = response;
        return { status, headers, body: await response.text() };
      },
    );
    try {
      return await within(answered, "an answer");
    } finally {
      abort.abort();
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Every other one goes without its length. */
async function upload(fetcher: Fetcher, number: number): Promise<string> {
  const bytes = new TextEncoder().encode(await expectedDownload(number));
  const hash = createHash("sha256").update(bytes).digest("hex");
  const body = number % 2 === 0 ? bytes : new Blob([bytes]).stream();
  const asked = () => fetcher.fetch("/upload", { method: "POST", body });
  return await judged(asked, `${bytes.length} ${hash}`);
}

async function download(fetcher: Fetcher, number: number): Promise<string> {
  const asked = () => fetcher.fetch(`/download/${number}`);
  return await judged(asked, expectedDownload(number));
}

async function limited(fetcher: Fetcher, number: number): Promise<string> {
  const outcome = await judged(() => fetcher.fetch(`/limited/n/${number}`), expectedBody(number));
  return outcome === "429" ? "right" : outcome;
}

/** One that is to stay at its server while nothing happens to any. */
async function stickyClient(target: SoakTarget, version: Version): Promise<ChaosClient> {
  let cookie = "";
  let server: string | null = null;
  let at = 0;
  return await Fetcher.connect(target, version, async (fetcher, number) => {
    let seen: string | null = null;
    const outcome = await judged(async () => {
      const answer = await fetcher.fetch(`/sticky/n/${number}`, { headers: { cookie } });
      cookie = answer.headers.get("set-cookie")?.split(";", 1)[0] ?? cookie;
      seen = answer.headers.get("x-server");
      return answer;
    }, expectedBody(number));
    const moved = outcome === "right" && server !== null && seen !== server &&
      target.calm.hasLasted(at);
    if (outcome === "right") [server, at] = [seen, performance.now()];
    return moved ? "moved without a reason" : outcome;
  });
}

const TEXTS = ["hello", "x".repeat(100), "y".repeat(60_000)];

/** A connection that echoes a few texts and is closed. */
async function webSocket(port: number): Promise<string> {
  const { caPem } = await testCertificates();
  const socket = new WebSocket(`wss://127.0.0.1:${port}/ws`, { ca: caPem });
  const body = new Promise<string>((resolve, reject) => {
    let text = "";
    socket.on("open", () => TEXTS.forEach((each) => socket.send(each)));
    socket.on("message", (message) => {
      text += message.toString();
      if (text.length >= TEXTS.join("").length) socket.close(1000);
    });
    socket.on("unexpected-response", (_, { statusCode }) => reject(new Status(statusCode ?? 0)));
    socket.on("close", (code: number) => {
      if (code === 1006) reject(new Error("It was broken off"));
      else resolve(text);
    });
    socket.on("error", reject);
  });
  try {
    return await judged(() => answered(body), TEXTS.join(""));
  } finally {
    socket.terminate();
  }
}

/** Another status than that of a switch. */
class Status extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`The answer is a ${status}`);
    this.status = status;
  }
}

async function answered(body: Promise<string>): Promise<{ status: number; body: string }> {
  try {
    return { status: 200, body: await within(body, "echoes") };
  } catch (error) {
    if (error instanceof Status) return { status: error.status, body: "" };
    throw error;
  }
}

/** Frames with a key of nothing, so that they are as they are sent. */
async function webSocketByHttp2(port: number): Promise<string> {
  return await judged(async () => {
    using client = await Http2Client.connect(port);
    const fields = requestFields({
      ...{ ":authority": "localhost", ":method": "CONNECT", ":protocol": "websocket" },
      ":path": "/ws",
    }, [["sec-websocket-version", "13"]]);
    const text = "echo";
    const masked = [0x81, 0x80 | text.length, 0, 0, 0, 0];
    await client.send(headers(1, fields, { ended: false }));
    const { status } = await client.until(() => {
      const seen = client.seen(1);
      return seen.status > 0 || seen.reset !== undefined ? seen : undefined;
    }, "a tunnel");
    if (status !== 200) return { status, body: "" };
    await client.send(data(1, latin1(Uint8Array.from(masked)) + text));
    const body = await client.until(() => {
      const seen = client.seen(1);
      if (seen.reset !== undefined) throw new Error("The stream was reset");
      return seen.body.length >= 2 + text.length ? seen.body : undefined;
    }, "an echo");
    return { status, body };
  }, "\x81\x04echo");
}

const LEAVES = Object.values(CLIENT_LEAVES);

/** What it does not wait for cannot be wrong. */
async function leave(port: number, number: number): Promise<string> {
  const come = LEAVES[number % LEAVES.length];
  // where the server has gone, it does not get as far
  const client = await come?.(port).catch(() => undefined);
  client?.[WAYS[number % WAYS.length] ?? "close"]();
  return "right";
}

async function strange(port: number, seed: number): Promise<string> {
  for (const life of strangeLives(1, seed)) await live(port, life);
  return "right";
}

/** Listens to the admin page for three events. */
async function readEvents(port: number): Promise<string> {
  return await judged(async () => {
    using connection = await connectTcp(port);
    await connection.write(encodeRequest("/events", { host: `127.0.0.1:${port}` }));
    for (let i = 0; i < 3; i++) await connection.readUntil("event: ");
    return { status: 200, body: "" };
  }, "");
}

/** Who shows no certificate is to be kept out. */
async function prove(port: number, proof: CertificateFiles | undefined): Promise<string> {
  const shown = proof === undefined ? {} : {
    cert: await Deno.readTextFile(proof.cert),
    key: await Deno.readTextFile(proof.key),
  };
  const outcome = await judged(async () => {
    const names = { servername: CLIENTS_NAME, rejectUnauthorized: false };
    const { connection } = await connectNodeTls(port, { ...names, ...shown });
    using client = connection;
    await client.write(encodeRequest("/fine", { host: CLIENTS_NAME }));
    return await readAnswer(client);
  }, "fine");
  if (proof !== undefined) return outcome;
  return outcome === "cut off" ? "right" : "wrong";
}
