import type { ByteSocket } from "../io/socket_connection.ts";
import { writeAll } from "../io/write_all.ts";
import { ResponseDecoder, type ResponsePart } from "../http1/response_decoder.ts";
import type { Http2ResponseHead } from "../http2/response_head.ts";
import type { Stream } from "../http2/stream.ts";
import { CHECK_AGENT, CHECK_LIMITS, Http2Check } from "./http2_check.ts";
import type { ProbeResult } from "./probe_result.ts";

/** A connection over which the right answer comes. */
export interface HttpProbe {
  readonly type: "http";
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The Host field, or `:authority`. */
  readonly host: string;
  /** Ranges of good statuses, both ends included. */
  readonly expect: readonly (readonly [number, number])[];
  /** What the body has to contain, where it matters. */
  readonly body: string | undefined;
}

/** Enough for any status page; what comes behind is not looked at. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * Asks by HTTP/1.1 over a connection that has just been made.
 *
 * @throws {ProxyError} where what comes is no answer
 */
export async function askHttp1(socket: ByteSocket, rules: HttpProbe): Promise<ProbeResult> {
  const { method, path, host } = rules;
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, `User-Agent: ${CHECK_AGENT}`];
  const request = new TextEncoder().encode(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`);
  await writeAll(socket, request);
  const verdict = new Verdict(rules);
  try {
    await readAnswer(socket, { method, verdict });
  } catch (error) {
    if (verdict.result === undefined) throw error;
  }
  return verdict.result ?? { outcome: "failed", reason: "no answer" };
}

/**
 * The same by HTTP/2.
 *
 * @throws {ProxyError} where what comes is no answer
 */
export function askHttp2(
  socket: ByteSocket,
  rules: HttpProbe,
  scheme: "https" | "http",
): Promise<ProbeResult> {
  return new HttpCheck(rules, scheme).ask(socket);
}

/**
 * Reads the answer to its end, also when the verdict is clear: to close with input unread would send
 * a reset, which servers complain of.
 */
async function readAnswer(
  socket: ByteSocket,
  { method, verdict }: { method: string; verdict: Verdict },
): Promise<void> {
  const decoder = new ResponseDecoder(CHECK_LIMITS);
  decoder.expect(method);
  const buffer = new Uint8Array(16 * 1024);
  for (let size = 0; size <= MAX_BODY_BYTES;) {
    const count = await socket.read(buffer);
    const parts = count === null ? decoder.end() : decoder.feed(buffer.subarray(0, count));
    for (const part of parts) hear(part, verdict);
    if (count === null || decoder.idle) break;
    size += count;
  }
  verdict.end();
}

/** @throws {ProxyError} what is no answer */
function hear(part: ResponsePart, verdict: Verdict): void {
  if (part.kind === "failure") throw part.error;
  if (part.kind === "head") verdict.status(part.head.status);
  if (part.kind === "data") verdict.body(part.bytes);
}

/** One request of a check by HTTP/2, whose answer is read to its end as well. */
class HttpCheck extends Http2Check {
  readonly #verdict: Verdict;
  #size = 0;

  constructor(rules: HttpProbe, scheme: "https" | "http") {
    super();
    this.#verdict = new Verdict(rules);
    const { method, path, host } = rules;
    this.protocol.open(this, {
      ...{ method, scheme, path },
      authority: host,
      fields: (put) => put("user-agent", CHECK_AGENT),
    }, true);
  }

  response(_stream: Stream<Http2Check>, { status }: Http2ResponseHead, ended: boolean): void {
    this.#verdict.status(status);
    this.#heard(ended);
  }

  protected body(piece: Uint8Array, ended: boolean): void {
    this.#size += piece.length;
    this.#verdict.body(piece);
    this.#heard(ended || this.#size > MAX_BODY_BYTES);
  }

  trailers(): void {
    this.#heard(true);
  }

  #heard(ended: boolean): void {
    if (ended) this.#verdict.end();
    this.result ??= this.#verdict.result;
    this.isOver ||= ended;
  }
}

/** What an answer, part by part, says of its server. */
class Verdict {
  result: ProbeResult | undefined;
  readonly #rules: HttpProbe;
  readonly #text = new TextDecoder();
  #status = 0;
  #body = "";

  constructor(rules: HttpProbe) {
    this.#rules = rules;
  }

  /** Hears a status; one below 200 means nothing yet. */
  status(status: number): void {
    if (status < 200) return;
    this.#status = status;
    const reason = `status ${status}`;
    if (!isExpected(status, this.#rules)) this.result = { outcome: "failed", reason };
    else if (this.#rules.body === undefined) this.result = { outcome: "passed", reason };
  }

  /** Hears a part of the body. */
  body(bytes: Uint8Array): void {
    if (this.result !== undefined) return;
    const { body = "" } = this.#rules;
    this.#body += this.#text.decode(bytes, { stream: true });
    if (!this.#body.includes(body)) {
      // what it may begin with stays: to go over all again is long where a body comes in small parts
      this.#body = this.#body.slice(Math.max(0, this.#body.length - body.length + 1));
      return;
    }
    this.result = { outcome: "passed", reason: `status ${this.#status} and the body expected` };
  }

  /** There is no more of it, or enough. */
  end(): void {
    const reason = `status ${this.#status}, but not the body expected`;
    this.result ??= { outcome: "failed", reason };
  }
}

function isExpected(status: number, { expect }: HttpProbe): boolean {
  return expect.some(([low, high]) => status >= low && status <= high);
}
