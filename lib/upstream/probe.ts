import type { Endpoint } from "../core/endpoint.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { ByteSocket } from "../io/socket_connection.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import { HTTP11, HTTP2 } from "../http/alpn.ts";
import type { TlsClient } from "../tls/tls_client.ts";
import { askGrpc, type GrpcProbe } from "./grpc_probe.ts";
import { isRefused, type OpenedSocket, openSocket } from "./dial.ts";
import { askHttp1, askHttp2, type HttpProbe } from "./http_probe.ts";
import type { ProbeResult } from "./probe_result.ts";
import { encodeProxyHeader, type ProxyProtocolVersion } from "./proxy_protocol.ts";

/** How a server is asked whether it is well. */
export type ProbeRules = TcpProbe | HttpProbe | GrpcProbe;

/** A connection that is accepted is enough, with TLS a handshake. */
export interface TcpProbe {
  readonly type: "tcp";
}

/** How a server is spoken to by what checks it. */
export interface ProbeOptions {
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
  /** What speaks TLS to it; undefined for plain text. */
  readonly tls: TlsClient | undefined;
  /** What requests are sent by, and so is what asks by HTTP. */
  readonly protocol: "http1" | "h2" | "auto";
}

/** Asks a server once; it never rejects. */
export async function probe(
  server: Endpoint,
  rules: ProbeRules,
  options: ProbeOptions,
): Promise<ProbeResult> {
  const { timeout, proxyProtocol, tls } = options;
  const started = performance.now();
  const preamble = proxyProtocol && encodeProxyHeader(proxyProtocol, undefined);
  try {
    const alpn = offered(rules, options);
    const opened = await openSocket(server, { timeout, preamble, tls, alpn });
    const { socket } = opened;
    try {
      if (rules.type === "tcp") {
        const what = tls === undefined ? "accepts connections" : "shakes hands";
        return { outcome: "passed", reason: `it ${what}` };
      }
      const left = Math.max(1, timeout - (performance.now() - started));
      return await untilLate(left, socket, () => ask(opened, rules, options));
    } finally {
      closeQuietly(socket);
    }
  } catch (error) {
    const failed = asProxyError(error, "upstream_gone");
    if (failed.code === "overloaded") return { outcome: "untold", reason: failed.message };
    return { outcome: isRefused(failed) ? "refused" : "failed", reason: failed.message };
  }
}

/** What is offered by ALPN to a server that is spoken TLS to. */
function offered({ type }: ProbeRules, { protocol }: ProbeOptions): readonly string[] {
  if (type === "tcp") return [];
  if (type === "grpc" || protocol === "h2") return [HTTP2];
  return protocol === "auto" ? [HTTP2, HTTP11] : [HTTP11];
}

/** @throws {ProxyError} where what comes is no answer */
function ask(
  { socket, alpn }: OpenedSocket,
  rules: Exclude<ProbeRules, TcpProbe>,
  { tls, protocol }: ProbeOptions,
): Promise<ProbeResult> {
  const scheme = tls === undefined ? "http" : "https";
  if (rules.type === "grpc") return askGrpc(socket, rules, scheme);
  if (alpn === HTTP2) return askHttp2(socket, rules, scheme);
  if (protocol !== "h2") return askHttp1(socket, rules);
  if (tls === undefined) return askHttp2(socket, rules, scheme);
  throw new ProxyError("connect_failed", "it does not choose HTTP/2 by ALPN");
}

/**
 * Closing the socket is what ends a read that waits.
 *
 * @throws {ProxyError} `response_timeout` after so many milliseconds
 */
async function untilLate<T>(ms: number, socket: ByteSocket, run: () => Promise<T>): Promise<T> {
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
