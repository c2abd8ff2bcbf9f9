import type { ErrorCode } from "../core/errors.ts";

/** A try that failed, as far as another one depends on it. */
export interface FailedTry {
  readonly code: ErrorCode;
  /** Of the request; undefined for a connection of opaque bytes. */
  readonly method: string | undefined;
  readonly hasBody: boolean;
  /** Whether the connection had served before. */
  readonly reused: boolean;
  /** Whether any of an answer had come. */
  readonly answered: boolean;
}

/**
 * The one rule for trying again, at another server where there is one. Either nothing has been sent:
 * a server could not be reached. Or it is the everyday race with a server that closes an idle
 * connection just when a request is sent on it (RFC 9112, section 9.3.1): no byte of an answer has
 * come, there is no body that would be gone, and doing it twice would do no harm (RFC 9110, section
 * 9.2.2). Whatever else fails may have been done already.
 */
export function mayRetry({ code, method, hasBody, reused, answered }: FailedTry): boolean {
  if (code === "connect_failed" || code === "connect_timeout") return true;
  return code === "upstream_gone" && reused && !answered && !hasBody &&
    method !== undefined && IDEMPOTENT.has(method);
}

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
