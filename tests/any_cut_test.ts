import assert from "node:assert/strict";
import { startBackend } from "./support/backends.ts";
import { generator } from "./support/chaos_trouble.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { fromLatin1, type TestConnection } from "./support/connection.ts";
import { encodeChunks, encodeRequest, readAnswer, readRequest } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import {
  data,
  headers,
  joined,
  type RawField,
  requestFields,
  windowUpdate,
} from "./support/http2_frames.ts";
import { FRAME, SETTING } from "../lib/http2/wire.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/**
 * Messages of every framing, cut anywhere by their senders: what comes out at the other side is what
 * went in, and the next message on the same connection is read as such.
 */

const CONNECTIONS = 4;
const REQUESTS = 25;
/** Bytes of all answers of a connection by HTTP/2. */
const WINDOW = 2 ** 20;

/** A request, and what it is to come out as. */
interface Message {
  readonly method: string;
  readonly body: string;
  readonly chunks: readonly string[];
  /** Whether the length is told ahead. */
  readonly isLong: boolean;
  readonly trailer: string;
}

/** Draws whatever the tests leave to chance. */
class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = generator(seed);
  }

  /** A whole number from 0 to below the bound. */
  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  message(): Message {
    const size = [0, 1, this.below(40), this.below(400), this.below(9000)][this.below(5)] as number;
    const body = this.#text(size);
    return {
      method: ["POST", "PUT", "GET", "DELETE"][this.below(4)] as string,
      body,
      chunks: this.cut(body, Math.max(1, size / 3)),
      isLong: this.chance(0.4),
      trailer: this.chance(0.4) ? this.#text(1 + this.below(20)).trim() : "",
    };
  }

  /** Cuts a text into pieces, none of which is empty. */
  cut(text: string, most: number): string[] {
    const pieces: string[] = [];
    for (let at = 0; at < text.length;) {
      const size = 1 + this.below(most);
      pieces.push(text.slice(at, at + size));
      at += size;
    }
    return pieces;
  }

  /** Writes bytes in pieces, some of which come alone. */
  async write(connection: TestConnection, bytes: Uint8Array): Promise<void> {
    const most = [3, 20, 200, 5000][this.below(4)] as number;
    for (let at = 0; at < bytes.length;) {
      const size = 1 + this.below(at < 400 || this.chance(0.3) ? most : 5000);
      await connection.write(bytes.slice(at, at + size));
      at += size;
      if (this.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, this.below(3)));
    }
  }

  #text(size: number): string {
    // what looks like framing is what a reader would fall for
    const words = ["0\r\n\r\n", "5\r\n", "GET / HTTP/1.1\r\n", "abc", "\r\n", "x".repeat(17)];
    let text = "";
    while (text.length < size) text += words[this.below(words.length)];
    return text.slice(0, size);
  }
}

/** The same text where fields may have it. */
function plain(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9]/g, ".");
}

function encodeByHttp1({ method, body, chunks, isLong, trailer }: Message): Uint8Array {
  if (isLong) {
    const fields = body === "" ? ["Content-Length: 0"] : [];
    return fromLatin1(encodeRequest("/", { method, fields, body }));
  }
  const head = encodeRequest("/", { method, fields: ["Transfer-Encoding: chunked"] });
  const trailers = trailer === "" ? [] : [`X-Trailer: ${plain(trailer)}`];
  return fromLatin1(head + encodeChunks(chunks, trailers));
}

function encodeByHttp2(id: number, { method, body, chunks, isLong, trailer }: Message): Uint8Array {
  const fields: RawField[] = isLong ? [["content-length", `${body.length}`]] : [];
  const list = requestFields(
    { ":method": method, ":path": "/", ":authority": "localhost" },
    fields,
  );
  const ends = chunks.length === 0 && trailer === "";
  const frames = [headers(id, list, { ended: ends })];
  chunks.forEach((chunk, index) => {
    frames.push(data(id, chunk, trailer === "" && index === chunks.length - 1));
  });
  if (trailer !== "") frames.push(headers(id, [["x-trailer", plain(trailer)]]));
  return joined(frames);
}

/** Sends back what it gets, in framings and pieces by chance. */
function startHttp1(seed: number) {
  return startBackend(async (connection, index) => {
    const draw = new Draw(seed + index);
    for (let request; (request = await readRequest(connection)) !== undefined;) {
      const { method, body, trailers } = request;
      const seen = `X-Seen: ${method} ${trailers.map(([, value]) => value).join()}`;
      const framed = draw.chance(0.5)
        ? `Content-Length: ${body.length}\r\n\r\n${body}`
        : `Transfer-Encoding: chunked\r\n\r\n${encodeChunks(draw.cut(body, 500))}`;
      await draw.write(connection, fromLatin1(`HTTP/1.1 200 OK\r\n${seen}\r\n${framed}`));
    }
  });
}

function startHttp2() {
  return startNodeHttp2(`
    const parts = [];
    let trailer = "";
    stream.on("trailers", (got) => trailer = got["x-trailer"]);
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      stream.respond({ ":status": 200, "x-seen": (head[":method"] + " " + trailer).trim() });
      const body = Buffer.concat(parts);
      const half = body.length >> 1;
      if (half > 0) stream.write(body.subarray(0, half));
      setTimeout(() => stream.end(body.subarray(half)), half % 3);
    });
  `);
}

/** What a server has to see of a message: HTTP/1.1 has no trailers where the length is told ahead. */
function seenOf({ method, isLong, trailer }: Message, isHttp2: boolean): string {
  return `${method} ${isLong && !isHttp2 ? "" : plain(trailer)}`.trim();
}

interface Asking {
  readonly port: number;
  readonly draw: Draw;
  /** For who reads of a failure. */
  readonly what: string;
  /** Whether the server has HTTP/2. */
  readonly isHttp2: boolean;
}

async function askByHttp1({ port, draw, what }: Asking): Promise<void> {
  using client = await connectTls(port);
  for (let count = 0; count < REQUESTS; count++) {
    const message = draw.message();
    const [{ status, body, fields }] = await Promise.all([
      readAnswer(client),
      draw.write(client, encodeByHttp1(message)),
    ]);
    assert.equal(status, 200, `${what}: ${JSON.stringify(message)} ${body}`);
    const seen = fields.find(([name]) => name.toLowerCase() === "x-seen")?.[1];
    assert.equal(seen, seenOf(message, false), `${what}: ${JSON.stringify(message)}`);
    assert.equal(body, message.body, `${what}: ${JSON.stringify(message)}`);
  }
}

async function askByHttp2({ port, draw, what, isHttp2 }: Asking): Promise<void> {
  // what it sends on its own must not come amid a frame
  const settings = [[SETTING.initialWindowSize, WINDOW]] as const;
  using client = await Http2Client.connect(port, { settings, grants: false });
  await client.send(windowUpdate(0, WINDOW));
  await client.until(
    () => client.frames.filter(({ type }) => type === FRAME.settings).length === 2 || undefined,
    "settings, and those of ours acknowledged",
  );
  for (let count = 0; count < REQUESTS; count++) {
    const id = 2 * count + 1;
    const message = draw.message();
    await draw.write(client.connection, encodeByHttp2(id, message));
    const { status, body, fields } = await client.answer(id);
    assert.equal(status, 200, `${what}: ${JSON.stringify(message)} ${body}`);
    const seen = fields.find(([name]) => name === "x-seen")?.[1];
    assert.equal(seen, seenOf(message, isHttp2), `${what}: ${JSON.stringify(message)}`);
    assert.equal(body, message.body, `${what}: ${JSON.stringify(message)}`);
  }
}

const SEED = 1;

for (const engine of ENGINES) {
  for (const protocol of ["http1", "h2"] as const) {
    for (const [name, ask] of [["HTTP/1.1", askByHttp1], ["HTTP/2", askByHttp2]] as const) {
      Deno.test(`what comes by ${name} for ${protocol}, cut anywhere, comes out as it was (${engine})`, async () => {
        const isHttp2 = protocol === "h2";
        await using server = await (isHttp2 ? startHttp2() : startHttp1(SEED));
        const backends = { default: { servers: [server.address], protocol } };
        await using proxy = await startConfigured({ engine, backends });
        await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => {
          const seed = SEED + index;
          const { port } = proxy;
          return ask({ port, draw: new Draw(seed), what: `seed ${seed}`, isHttp2 });
        }));
      });
    }
  }
}
