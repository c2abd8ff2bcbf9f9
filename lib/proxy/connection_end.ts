import { ProxyError } from "../core/errors.ts";
import { ERROR, errorName } from "../http2/wire.ts";
import type { ConnectionEnded, Probed } from "../core/event.ts";
import type { HttpConnection } from "./http_connection.ts";

/**
 * What the log is told of a connection that requests came by, whatever their version: one without
 * TLS by which nothing came at all was a probe.
 */
export function httpConnectionEnded(
  { peer, local, bytes, tls }: HttpConnection,
  { began, requests, error }: { began: number; requests: number; error: ProxyError | undefined },
): ConnectionEnded | Probed {
  const isSilent = bytes.read === 0 && bytes.written === 0;
  if (tls === undefined && isSilent) return { kind: "probed", listen: local };
  return {
    kind: "connection_end",
    peer,
    bytesIn: bytes.read,
    bytesOut: bytes.written,
    durationMs: performance.now() - began,
    requests,
    route: undefined,
    backend: undefined,
    server: undefined,
    waitMs: undefined,
    tls,
    error,
  };
}

/**
 * Whether a client has sent what is no TLS, or has said by an alert that TLS has failed. One that
 * waits for no answer may leave as it likes, also without a word, but not by this.
 */
export function isDamaged({ cause }: ProxyError): boolean {
  return cause instanceof Deno.errors.InvalidData;
}

/** The proxy does not wait any longer for what goes on. */
export function proxyStops(): ProxyError {
  return new ProxyError("draining", "The proxy is stopping");
}

/** Nobody is there any more to take an answer. */
export function clientLeft(): ProxyError {
  return new ProxyError("client_gone", "The client has closed its connection");
}

/** A client was waited for in vain that had something to send. @param ms for how long */
export function nothingCame(ms: number): ProxyError {
  return new ProxyError("header_timeout", `Nothing useful came for ${ms / 1000} s`);
}

/** The same of one that had something to take. */
export function nothingTaken(ms: number): ProxyError {
  return new ProxyError("idle_timeout", `Nothing was taken for ${ms / 1000} s`);
}

/** A client has sent frames that end a stream or its connection. @param code one of `ERROR` */
export function faultOfFrames(code: number, reason: string): ProxyError {
  const isFlood = code === ERROR.enhanceYourCalm;
  return new ProxyError(isFlood ? "flood" : "bad_frame", `${reason} (${errorName(code)})`);
}
