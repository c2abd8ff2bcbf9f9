import { Buffer } from "node:buffer";
import * as tls from "node:tls";
import { HOST } from "../contender.ts";
import { readAnswer, request, SETTINGS_ACK } from "./http2_probe.ts";
import type { Target } from "./target.ts";

/** As ALPN calls them. */
export type Protocol = "http/1.1" | "h2";

/** Connections at the same time while many are opened. */
const OPENING_AT_ONCE = 8;

/**
 * Opens so many connections one after another, a few at a time, each for one tiny request.
 *
 * @throws {Error} where one fails, resumes a session or is not TLS 1.3
 */
export async function handshakes(target: Target, count: number): Promise<void> {
  await manyTimes(count, async () => {
    const { socket } = await open(target, { protocol: "http/1.1", close: true });
    socket.destroy();
  });
}

/** Fetches an answer over a connection of its own, and gives its head. */
export async function headOf(target: Target, path: string): Promise<string> {
  const { socket, answer } = await open(target, { protocol: "http/1.1", close: true, path });
  socket.destroy();
  return answer.slice(0, answer.indexOf("\r\n\r\n"));
}

/** Connections that stay open, each after one tiny request. */
export class OpenConnections implements Disposable {
  readonly #target: Target;
  readonly #protocol: Protocol;
  readonly #sockets: tls.TLSSocket[] = [];

  constructor(target: Target, protocol: Protocol = "http/1.1") {
    this.#target = target;
    this.#protocol = protocol;
  }

  /** @throws {Error} where one fails, or the other side has closed one of those before */
  async add(count: number): Promise<void> {
    await manyTimes(count, async () => {
      const { socket } = await open(this.#target, { protocol: this.#protocol, close: false });
      this.#sockets.push(socket);
    });
    const gone = this.#sockets.filter((socket) => socket.readableEnded || socket.destroyed);
    if (gone.length > 0) throw new Error(`${gone.length} idle connections were closed`);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function manyTimes(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, async () => {
    while (left-- > 0) await work();
  }));
}

/** Milliseconds one connection with its request may take. */
const OPEN_MS = 10_000;

/** The tiny answer's size. */
const TINY_BYTES = 2;

interface Asking {
  readonly protocol: Protocol;
  /** Whether the server is to close the connection; of HTTP/1.1. */
  readonly close: boolean;
  /** Of HTTP/1.1; any answer will do then. Default: the tiny answer's. */
  readonly path?: string;
}

/**
 * A new connection with one request answered. `node:tls` keeps no sessions unless it is asked to,
 * so the handshake is a full one; it is checked all the same.
 *
 * @returns the answer as it came, too
 */
function open(
  { port, ca, client }: Target,
  asking: Asking,
): Promise<{ socket: tls.TLSSocket; answer: string }> {
  const talk = asking.protocol === "h2" ? http2Talk() : http1Talk(port, asking);
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, servername: HOST, ca, ...client };
    const socket = tls.connect({ ...options, ALPNProtocols: [asking.protocol] }, () => {
      if (socket.isSessionReused()) return fail("the session was resumed");
      if (socket.getProtocol() !== "TLSv1.3") return fail(`it is ${socket.getProtocol()}`);
      socket.write(talk.request);
    });
    const timer = setTimeout(() => fail(`nothing came for ${OPEN_MS / 1000} s`), OPEN_MS);
    const chunks: Buffer[] = [];
    let done = false;
    socket.on("data", (chunk: Buffer) => {
      if (done) return;
      chunks.push(chunk);
      const { isWhole, reply } = talk.read(Buffer.concat(chunks));
      if (reply !== undefined) socket.write(reply);
      if (isWhole && !asking.close) finish();
    });
    socket.on("end", finish);
    socket.on("error", (error: Error) => fail(error.message));

    function finish(): void {
      clearTimeout(timer);
      done = true;
      const answer = Buffer.concat(chunks);
      if (talk.read(answer).isWhole) return resolve({ socket, answer: answer.toString("latin1") });
      fail(`the answer was ${JSON.stringify(answer.toString("latin1").slice(0, 40))}`);
    }

    function fail(reason: string): void {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`A connection failed: ${reason}`));
    }
  });
}

/** One request and what is to be done with its answer. */
interface Talk {
  readonly request: Uint8Array | string;
  /** @param input all that has come so far */
  read(input: Uint8Array): { readonly isWhole: boolean; readonly reply?: Uint8Array };
}

function http1Talk(port: number, { path, close }: Asking): Talk {
  const fields = `Host: ${HOST}:${port}\r\n${close ? "Connection: close\r\n" : ""}`;
  const complete = path === undefined
    ? /^HTTP\/1\.1 200 [^]*\r\n\r\n[^]{2}$/
    : /^HTTP\/1\.1 200 [^]*\r\n\r\n/;
  return {
    request: `GET ${path ?? `/${TINY_BYTES}`} HTTP/1.1\r\n${fields}\r\n`,
    read: (input) => ({ isWhole: complete.test(Buffer.from(input).toString("latin1")) }),
  };
}

function http2Talk(): Talk {
  let hasAnswered = false;
  return {
    request: request(`/${TINY_BYTES}`),
    read(input) {
      const { hasSettings, isWhole, isOk, bytes } = readAnswer(input);
      const answers = hasSettings && !hasAnswered;
      hasAnswered ||= answers;
      return {
        isWhole: isWhole && isOk && bytes === TINY_BYTES,
        ...(answers ? { reply: SETTINGS_ACK } : {}),
      };
    },
  };
}
