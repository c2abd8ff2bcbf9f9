import type { ErrorCode, ProxyError } from "../core/errors.ts";
import { isEmptyBody, type RequestFacts } from "../http/message.ts";
import type { Seen } from "../upstream/server_stream.ts";

/** A try that failed, as far as another one depends on it. */
export interface FailedTry {
  readonly code: ErrorCode;
  /** Whether the request may be sent twice, see `isRepeatable`. */
  readonly repeatable: boolean;
  /** Whether bytes of the request's body are gone. */
  readonly bodyGone: boolean;
  /** Whether the server has seen the request. */
  readonly seen: Seen;
}

/**
 * The one rule for trying again, at another server where there is one. Either the server has not
 * seen the request: it could not be reached, or says so itself. Or it is the everyday race with a
 * server that closes an idle connection just when a request is sent on it, and doing it twice would
 * do no harm. Whatever else fails may have been done already.
 */
export function mayRetry({ code, repeatable, bodyGone, seen }: FailedTry): boolean {
  if (bodyGone) return false;
  if (code === "connect_failed" || code === "connect_timeout") return true;
  return seen === "no" || (seen === "perhaps" && repeatable);
}

/** A try that failed, as far as it speaks of its server. */
export interface FailedServer {
  readonly error: Pick<ProxyError, "code" | "source">;
  readonly seen: Seen;
  /** Whether the answer had begun before the server had all of the request. */
  readonly early: boolean;
  /** Of the answer that had begun, a 101 included; 0 for none. */
  readonly status: number;
}

/**
 * Whether a failure is worth telling of its server: not where it is harmless, and what breaks behind
 * an answer that came early or behind a switch of protocols may be anybody's doing.
 */
export function isServersFault({ error, seen, early, status }: FailedServer): boolean {
  if (error.source !== "upstream" || early || status === 101) return false;
  return !isHarmless(error, seen);
}

/**
 * Whether a server has done no more than to close in the wrong moment, or to say that it has not
 * seen a request, or wants it by HTTP/1.1: it is as good as any other.
 */
export function isHarmless({ code }: Pick<ProxyError, "code">, seen: Seen): boolean {
  return seen !== "yes" && (code === "upstream_gone" || code === "http1_required");
}

/**
 * Whether to do what is asked for twice does no harm (RFC 9110, section 9.2.2), and can be asked for
 * again: a body would be gone, as would be what comes behind a request for an upgrade.
 */
export function isRepeatable(
  { method, body, upgrade }: Pick<RequestFacts, "method" | "body" | "upgrade">,
): boolean {
  return isEmptyBody(body) && upgrade === undefined && IDEMPOTENT.has(method);
}

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
