import type { Endpoint } from "../core/endpoint.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { ByteSocket } from "../io/socket_connection.ts";
import { writeAll } from "../io/write_all.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import { HTTP2 } from "../http2/wire.ts";
import { ResponseDecoder, type ResponsePart } from "../http1/response_decoder.ts";
import type { TlsClient } from "../tls/tls_client.ts";
import { askGrpc, type GrpcProbe } from "./grpc_probe.ts";
import { isRefused, openSocket } from "./dial.ts";
import type { ProbeResult } from "./probe_result.ts";
import { encodeProxyHeader, type ProxyProtocolVersion } from "./proxy_protocol.ts";

/** How a server is asked whether it is well. */
export type ProbeRules = TcpProbe | HttpProbe | GrpcProbe;

/** A connection that is accepted is enough, with TLS a handshake. */
export interface TcpProbe {
  readonly type: "tcp";
}

/** A connection over which the right answer comes. */
export interface HttpProbe {
  readonly type: "http";
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The Host field. */
  readonly host: string;
  /** Ranges of good statuses, both ends included. */
  readonly expect: readonly (readonly [number, number])[];
  /** What the body has to contain, where it matters. */
  readonly body: string | undefined;
}

export interface ProbeOptions {
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
  /** What speaks TLS to it; undefined for plain text. */
  readonly tls: TlsClient | undefined;
}

/** Asks a server once; it never rejects. */
export async function probe(
  server: Endpoint,
  rules: ProbeRules,
  { timeout, proxyProtocol, tls }: ProbeOptions,
): Promise<ProbeResult> {
  const started = performance.now();
  const preamble = proxyProtocol && encodeProxyHeader(proxyProtocol, undefined);
  try {
    const alpn = ALPN[rules.type];
    const { socket } = await openSocket(server, { timeout, preamble, tls, alpn });
    try {
      if (rules.type === "tcp") {
        const what = tls === undefined ? "accepts connections" : "shakes hands";
        return { outcome: "passed", reason: `it ${what}` };
      }
      const left = Math.max(1, timeout - (performance.now() - started));
      return await within(
        left,
        socket,
        () => rules.type === "grpc" ? askGrpc(socket, rules) : ask(socket, rules),
      );
    } finally {
      closeQuietly(socket);
    }
  } catch (error) {
    const failed = asProxyError(error, "upstream_gone");
    if (failed.code === "overloaded") return { outcome: "untold", reason: failed.message };
    return { outcome: isRefused(failed) ? "refused" : "failed", reason: failed.message };
  }
}

/** What is offered to a server that is spoken TLS to. */
const ALPN: Readonly<Record<ProbeRules["type"], readonly string[]>> = {
  tcp: [],
  http: ["http/1.1"],
  grpc: [HTTP2],
};

/** Enough for any status page; what comes behind is not looked at. */
const MAX_BODY_BYTES = 64 * 1024;
const LIMITS = { headerBytes: 16 * 1024, headers: 100 };

async function ask(socket: ByteSocket, rules: HttpProbe): Promise<ProbeResult> {
  const { method, path, host } = rules;
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, "User-Agent: tls-proxy-health"];
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
 * Reads the answer to its end, also when the verdict is clear: to close with input unread would send
 * a reset, which servers complain of.
 */
async function readAnswer(
  socket: ByteSocket,
  { method, verdict }: { method: string; verdict: Verdict },
): Promise<void> {
  const decoder = new ResponseDecoder(LIMITS);
  decoder.expect(method);
  const buffer = new Uint8Array(16 * 1024);
  for (let size = 0; size <= MAX_BODY_BYTES;) {
    const count = await socket.read(buffer);
    const parts = count === null ? decoder.end() : decoder.feed(buffer.subarray(0, count));
    for (const part of parts) verdict.hear(part);
    if (count === null || decoder.idle) break;
    size += count;
  }
  verdict.end();
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

  /** @throws {ProxyError} what is no answer */
  hear(part: ResponsePart): void {
    if (part.kind === "failure") throw part.error;
    if (part.kind === "head" && part.head.status >= 200) this.#hearStatus(part.head.status);
    if (part.kind === "data" && this.result === undefined) this.#hearBody(part.bytes);
  }

  /** There is no more of it, or enough. */
  end(): void {
    const reason = `status ${this.#status}, but not the body expected`;
    this.result ??= { outcome: "failed", reason };
  }

  #hearStatus(status: number): void {
    this.#status = status;
    const reason = `status ${status}`;
    if (!isExpected(status, this.#rules)) this.result = { outcome: "failed", reason };
    else if (this.#rules.body === undefined) this.result = { outcome: "passed", reason };
  }

  #hearBody(bytes: Uint8Array): void {
    const { body = "" } = this.#rules;
    this.#body += this.#text.decode(bytes, { stream: true });
    if (!this.#body.includes(body)) return;
    this.result = { outcome: "passed", reason: `status ${this.#status} and the body expected` };
  }
}

function isExpected(status: number, { expect }: HttpProbe): boolean {
  return expect.some(([low, high]) => status >= low && status <= high);
}

/** Closing the socket is what ends a read that waits. */
async function within<T>(ms: number, socket: ByteSocket, run: () => Promise<T>): Promise<T> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    closeQuietly(socket);
  }, ms);
  try {
    return await run();
  } catch (error) {
    throw late ? new ProxyError("response_timeout", "no answer in time") : error;
  } finally {
    clearTimeout(timer);
  }
}
