import * as tls from "node:tls";
import type { Processes } from "./processes.ts";

/** Where the load goes. */
export interface Target {
  readonly port: number;
  /** The certificate that it is to show, in PEM. */
  readonly ca: string;
}

export interface KeepAliveLoad {
  /** Of the answers, which is also the path asked for. */
  readonly bytes: number;
  readonly requests: number;
  /** Connections that are kept open at the same time. */
  readonly connections: number;
}

/**
 * Sends so many requests over a few connections that are kept alive, by h2load.
 *
 * @returns seconds it took
 * @throws {Error} unless every answer was 200, of the right size, over TLS 1.3
 */
export function keepAlive(
  processes: Processes,
  target: Target,
  load: KeepAliveLoad,
): Promise<number> {
  return h2load(processes, target, { ...load, asked: [answerOf(load.bytes)], flags: [] });
}

/**
 * As `keepAlive`, but each connection asks for answers of all these sizes in turn, so that neither a
 * request nor an answer is like the one before.
 */
export function keepAliveVaried(
  processes: Processes,
  target: Target,
  { sizes, ...load }: Omit<KeepAliveLoad, "bytes"> & { readonly sizes: readonly number[] },
): Promise<number> {
  return h2load(processes, target, { ...load, asked: sizes.map(answerOf), flags: [] });
}

/** Sends a file so many times; otherwise as `keepAlive`. */
export function upload(
  processes: Processes,
  target: Target,
  { file, requests, connections = 1 }: { file: string; requests: number; connections?: number },
): Promise<number> {
  const flags = ["-d", file];
  const asked = [{ path: "upload", bytes: 2 }];
  return h2load(processes, target, { requests, connections, asked, flags });
}

/** What browsers send: see `browser.lua`. */
export interface BrowserLoad {
  readonly seconds: number;
  readonly connections: number;
  /** How many browsers there are, by their cookies. */
  readonly browsers: number;
}

/**
 * Sends what browsers send, no two heads alike in turn, by wrk.
 *
 * @returns how many requests were answered, and milliseconds of the slowest
 * @throws {Error} where an answer was not 2xx, or a connection failed
 */
export async function browse(
  processes: Processes,
  { port }: Target,
  { seconds, connections, browsers }: BrowserLoad,
): Promise<BrowserResult> {
  const script = new URL("browser.lua", import.meta.url).pathname;
  const output = await processes.run([
    ...["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "10s"],
    ...["-s", script, `https://127.0.0.1:${port}`, "--", "localhost", String(browsers)],
  ]);
  const failed = /^ *(?:Non-2xx|Socket errors).*/m.exec(output)?.[0];
  if (failed !== undefined) throw new Error(failed.trim());
  return parseWrk(output);
}

export interface BrowserResult {
  readonly requests: number;
  /** Milliseconds. */
  readonly slowest: number;
}

/** Reads what wrk prints; what is missing in it becomes 0. */
export function parseWrk(output: string): BrowserResult {
  const [, amount = "0", unit = "ms"] =
    /^ *Latency +\S+ +\S+ +([\d.]+)(us|ms|s|m) /m.exec(output) ?? [];
  const units: Record<string, number> = { us: 1e-3, ms: 1, s: 1_000, m: 60_000 };
  return {
    requests: Number(/^ *(\d+) requests in /m.exec(output)?.[1] ?? 0),
    slowest: Number(amount) * (units[unit] ?? 1),
  };
}

/**
 * As `keepAlive`, but not faster than a rate.
 *
 * @returns milliseconds each answer took
 */
export async function atRate(
  processes: Processes,
  target: Target,
  { rate, log, ...load }: KeepAliveLoad & {
    /** Requests a second. */
    rate: number;
    /** A file that is not there yet. */
    log: string;
  },
): Promise<readonly number[]> {
  const flags = [`--rps=${rate / load.connections}`, `--log-file=${log}`];
  await h2load(processes, target, { ...load, asked: [answerOf(load.bytes)], flags });
  return parseH2loadLog(await Deno.readTextFile(log));
}

interface H2loadRun extends Omit<KeepAliveLoad, "bytes"> {
  /** What each connection asks for, in turn. */
  readonly asked: readonly Answer[];
  readonly flags: readonly string[];
}

interface Answer {
  readonly path: string;
  readonly bytes: number;
}

function answerOf(bytes: number): Answer {
  return { path: String(bytes), bytes };
}

async function h2load(
  processes: Processes,
  { port }: Target,
  { requests, connections, asked, flags }: H2loadRun,
): Promise<number> {
  const output = await processes.run([
    ...["h2load", "--h1", "-t", "1", "-n", String(requests), "-c", String(connections), ...flags],
    ...asked.map(({ path }) => `https://127.0.0.1:${port}/${path}`),
  ]);
  const result = parseH2load(output);
  const sizes = asked.map(({ bytes }) => bytes);
  const bytes = bytesInTurn(sizes, { requests, connections });
  const expected = { protocol: "TLSv1.3", ok: requests, bytes };
  const { seconds, ...found } = result;
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
  return seconds;
}

/**
 * Bytes of all answers where requests are dealt out to connections, and each of these asks for the
 * sizes in turn, from the first one on.
 */
export function bytesInTurn(
  sizes: readonly number[],
  { requests, connections }: { requests: number; connections: number },
): number {
  let bytes = 0;
  for (let connection = 0; connection < connections; connection++) {
    const extra = connection < requests % connections ? 1 : 0;
    const own = Math.floor(requests / connections) + extra;
    for (let i = 0; i < own; i++) bytes += sizes[i % sizes.length] ?? 0;
  }
  return bytes;
}

/** Milliseconds of each request in h2load's log: when it began, its status, microseconds it took. */
export function parseH2loadLog(text: string): readonly number[] {
  return text.split("\n").flatMap((line) => {
    const found = /^\d+\t\d+\t(\d+)/.exec(line);
    return found === null ? [] : [Number(found[1]) / 1000];
  });
}

/** What h2load says of a run. */
export interface H2loadResult {
  readonly protocol: string;
  /** Answers with a status of 2xx. */
  readonly ok: number;
  /** Of all bodies. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Reads the summary that h2load prints; what is missing in it becomes 0. */
export function parseH2load(output: string): H2loadResult {
  const [, amount = "0", unit = "s"] = /^finished in ([\d.]+)(us|ms|s|m),/m.exec(output) ?? [];
  const units: Record<string, number> = { us: 1e-6, ms: 1e-3, s: 1, m: 60 };
  return {
    protocol: /^TLS Protocol: (\S+)/m.exec(output)?.[1] ?? "no TLS",
    ok: Number(/^status codes: (\d+) 2xx/m.exec(output)?.[1] ?? 0),
    bytes: Number(/\((\d+)\) data$/m.exec(output)?.[1] ?? 0),
    seconds: Number(amount) * (units[unit] ?? 1),
  };
}

/** Connections at the same time while many are opened. */
const OPENING_AT_ONCE = 8;

/**
 * Opens so many connections one after another, a few at a time, each for one tiny request.
 *
 * @throws {Error} where one fails, resumes a session or is not TLS 1.3
 */
export async function handshakes(target: Target, count: number): Promise<void> {
  await manyTimes(count, async () => {
    const socket = await open(target, { close: true });
    socket.destroy();
  });
}

/** Connections that stay open, each after one tiny request. */
export class OpenConnections implements Disposable {
  readonly #target: Target;
  readonly #sockets: tls.TLSSocket[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  /** @throws {Error} where one fails, or the other side has closed one of those before */
  async add(count: number): Promise<void> {
    await manyTimes(count, async () => {
      this.#sockets.push(await open(this.#target, { close: false }));
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

/** The tiny answer, whole. */
const COMPLETE = /^HTTP\/1\.1 200 [^]*\r\n\r\n[^]{2}$/;

/**
 * A new connection with one request answered. `node:tls` keeps no sessions unless it is asked to,
 * so the handshake is a full one; it is checked all the same.
 */
function open({ port, ca }: Target, { close }: { close: boolean }): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const host = "127.0.0.1";
    let answer = "";
    const socket = tls.connect({ host, port, ca, ALPNProtocols: ["http/1.1"] }, () => {
      if (socket.isSessionReused()) return fail("the session was resumed");
      if (socket.getProtocol() !== "TLSv1.3") return fail(`it is ${socket.getProtocol()}`);
      const fields = `Host: ${host}:${port}\r\n${close ? "Connection: close\r\n" : ""}`;
      socket.write(`GET /2 HTTP/1.1\r\n${fields}\r\n`);
    });
    const timer = setTimeout(() => fail(`nothing came for ${OPEN_MS / 1000} s`), OPEN_MS);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      answer += text;
      if (!close && COMPLETE.test(answer)) done();
    });
    socket.on("end", done);
    socket.on("error", (error: Error) => fail(error.message));

    function done(): void {
      clearTimeout(timer);
      if (!COMPLETE.test(answer)) {
        return fail(`the answer was ${JSON.stringify(answer.slice(0, 40))}`);
      }
      resolve(socket);
    }

    function fail(reason: string): void {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`A connection failed: ${reason}`));
    }
  });
}
