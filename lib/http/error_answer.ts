import type { ErrorCode, ProxyError } from "../core/errors.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { field } from "./field.ts";
import { ALLOWED_METHODS } from "./options_answer.ts";
import { prefersJson } from "./media_type.ts";
import type { OwnAnswer } from "./own_answer.ts";
import { reasonOf } from "./status.ts";

/** The status of each error a client can be told of; others end the connection without an answer. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  bad_request_line: 400,
  bad_target: 400,
  bad_field: 400,
  bad_host: 400,
  bad_length: 400,
  bad_transfer_encoding: 400,
  bad_chunk: 400,
  truncated_request: 400,
  plain_http: 400,
  unauthorized: 401,
  forbidden: 403,
  no_route: 404,
  method_not_allowed: 405,
  header_timeout: 408,
  body_timeout: 408,
  body_too_large: 413,
  target_too_long: 414,
  expectation_failed: 417,
  misdirected: 421,
  rate_limited: 429,
  head_too_large: 431,
  internal: 500,
  unsupported_transfer_coding: 501,
  websocket_unsupported: 501,
  connect_failed: 502,
  upstream_gone: 502,
  bad_response: 502,
  answer_too_large: 502,
  answer_has_too_many_fields: 502,
  truncated_response: 502,
  http1_required: 502,
  no_server: 502,
  draining: 503,
  backend_unavailable: 503,
  overloaded: 503,
  connect_timeout: 504,
  response_timeout: 504,
  bad_version: 505,
};

/** All of them. */
export const ERROR_STATUSES: ReadonlySet<number> = new Set(Object.values(STATUS));

/** The status to answer an error with; undefined where there is nobody or nothing to tell. */
export function statusOf(error: ProxyError): number | undefined {
  return STATUS[error.code];
}

export interface ErrorAnswerOptions {
  /** The request's `Accept`: JSON for those who ask for it, text for the rest. */
  readonly accept?: string | undefined;
  /** The request's, to be found in the log. */
  readonly id?: string | undefined;
  /** Seconds after which it may be worth asking again (RFC 9110, section 10.2.3). */
  readonly retryAfter?: number | undefined;
  /** `WWW-Authenticate` (RFC 9110, section 11.6.1). */
  readonly challenge?: string | undefined;
  /** HTML in the place of the text, where the client does not prefer JSON. */
  readonly page?: Uint8Array | undefined;
}

/**
 * An answer that says what went wrong: to a client all of what is its own doing, of the backend's
 * only that it failed.
 */
export function errorAnswer(error: ProxyError, options: ErrorAnswerOptions): OwnAnswer {
  const status = statusOf(error) ?? 500;
  const plain = options.page === undefined ? "text/plain" : "text/html";
  const json = options.accept !== undefined && prefersJson(options.accept, plain);
  const page = json ? undefined : options.page;
  const body = page ?? encodeLatin1(json ? jsonBody(error, options) : textBody(error, options));
  const type = json ? "application/json" : `${plain}; charset=utf-8`;
  // who drains is replaced by another in a moment
  const retryAfter = options.retryAfter ?? (error.code === "draining" ? 1 : undefined);
  const fields = [
    field("Content-Type", type),
    ...(options.challenge === undefined ? [] : [field("WWW-Authenticate", options.challenge)]),
    ...(status === 405 ? [field("Allow", ALLOWED_METHODS)] : []),
    ...(retryAfter === undefined ? [] : [field("Retry-After", String(retryAfter))]),
    ...(options.id === undefined ? [] : [field("X-Request-Id", options.id)]),
  ];
  return { status, fields, body };
}

function textBody(error: ProxyError, { id }: ErrorAnswerOptions): string {
  const status = statusOf(error) ?? 500;
  const lines = [`${status} ${reasonOf(status)}`];
  const detail = detailOf(error);
  if (detail !== undefined) lines.push(detail);
  if (id !== undefined) lines.push(`request ${id}`);
  return lines.join("\n") + "\n";
}

function jsonBody(error: ProxyError, { id }: ErrorAnswerOptions): string {
  const status = statusOf(error) ?? 500;
  const detail = detailOf(error) ?? reasonOf(status);
  return JSON.stringify({ status, error: error.code, detail, request_id: id }) + "\n";
}

/** What the client may know beyond the status. */
function detailOf(error: ProxyError): string | undefined {
  return error.source === "client" || TOLD.has(error.code) ? error.message : undefined;
}

/** What is told though it is not the client's doing: no secret, and what mends it. */
const TOLD: ReadonlySet<ErrorCode> = new Set([
  "no_route",
  "answer_too_large",
  "answer_has_too_many_fields",
  "websocket_unsupported",
  "http1_required",
]);
