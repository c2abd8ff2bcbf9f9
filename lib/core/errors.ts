/** Who caused a failure: the client, an upstream server, or this proxy itself. */
export type ErrorSource = "client" | "upstream" | "self";

/**
 * Every failure this proxy names, with who caused it. The HTTP status of each stands in
 * `http/error_answer.ts`; one that never reaches an HTTP client has none.
 */
export const ERROR_CODES = {
  // HTTP requests
  bad_request_line: "client",
  bad_version: "client",
  bad_target: "client",
  bad_field: "client",
  bad_host: "client",
  bad_length: "client",
  bad_transfer_encoding: "client",
  unsupported_transfer_coding: "client",
  bad_chunk: "client",
  body_too_large: "client",
  expectation_failed: "client",
  method_not_allowed: "client",
  head_too_large: "client",
  target_too_long: "client",
  header_timeout: "client",
  body_timeout: "client",
  truncated_request: "client",
  forbidden: "client",
  rate_limited: "client",
  unauthorized: "client",
  client_gone: "client",
  idle_timeout: "client",
  // HTTP/2 connections
  bad_frame: "client",
  flood: "client",
  // TLS
  plain_http: "client",
  bad_client_hello: "client",
  handshake_failed: "client",
  handshake_timeout: "client",
  unknown_name: "client",
  bad_proxy_header: "client",
  // Upstream
  connect_failed: "upstream",
  connect_timeout: "upstream",
  upstream_gone: "upstream",
  response_timeout: "upstream",
  bad_response: "upstream",
  answer_too_large: "upstream",
  answer_has_too_many_fields: "upstream",
  truncated_response: "upstream",
  websocket_unsupported: "upstream",
  http1_required: "upstream",
  resolve_failed: "upstream",
  // This proxy
  no_route: "self",
  no_server: "self",
  backend_unavailable: "self",
  overloaded: "self",
  misdirected: "client",
  draining: "self",
  bad_config: "self",
  unavailable: "self",
  internal: "self",
} as const satisfies Record<string, ErrorSource>;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * The one error type of this proxy; anything else that is thrown is a bug. It has no stack: where it
 * was made says nothing to a user, and to make an `Error` takes the runtime 5 µs and more, for each
 * request that is refused. A bug is its `cause`, and that has one.
 */
export class ProxyError implements Error {
  readonly name = "ProxyError";
  readonly code: ErrorCode;
  readonly message: string;
  readonly cause?: unknown;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    this.code = code;
    this.message = message;
    if (options !== undefined) this.cause = options.cause;
  }

  get source(): ErrorSource {
    return ERROR_CODES[this.code];
  }

  /** Whether a client's choice led to it: a stranger who asks for anything must raise no alarm. */
  get isEveryday(): boolean {
    return this.source === "client" || this.code === "no_route";
  }
}

// to everybody else it is an error like others
Object.setPrototypeOf(ProxyError.prototype, Error.prototype);

/** The error as a `ProxyError`: itself where it is one, else wrapped under `code`. */
export function asProxyError(error: unknown, code: ErrorCode): ProxyError {
  if (error instanceof ProxyError) return error;
  return new ProxyError(code, messageOf(error), { cause: error });
}

/** One line saying what went wrong, of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's name of what went wrong, such as `ENOENT`; undefined where it was not the system. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
