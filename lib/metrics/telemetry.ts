import { hostOfAuthority } from "../core/authority.ts";
import { STANDARD_METHODS } from "../core/methods.ts";
import type { Observer, RequestServed } from "../core/event.ts";

/** As much of the OpenTelemetry API as is used; the runtime types its own as `any`. */
interface Tracer {
  startSpan(
    name: string,
    options: {
      readonly kind: number;
      readonly startTime: number;
      readonly attributes: Readonly<Record<string, string | number | undefined>>;
    },
    context: Context,
  ): Span;
}

interface Span {
  setStatus(status: { readonly code: number; readonly message: string }): void;
  end(time: number): void;
}

/** What a span is started in: only the span around it is asked for. */
interface Context {
  getValue(key: symbol): { spanContext(): ParentSpan } | undefined;
}

interface ParentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote: true;
}

/** `SpanKind.SERVER` and `SpanStatusCode.ERROR` of the OpenTelemetry API. */
const SERVER = 1;
const ERROR = 2;
/** Where a context holds its span, in every package that has this API. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

/**
 * An observer that makes one span of each request, by the runtime's own OpenTelemetry; undefined
 * where that is not switched on (`OTEL_DENO=true`), so that it costs nothing then.
 *
 * A span continues the trace of the request's `traceparent` (W3C Trace Context). The field goes on to
 * the server as it came.
 */
export function openTelemetry(): Observer | undefined {
  const tracer: Tracer = Deno.telemetry.tracerProvider.getTracer("tls-proxy");
  try {
    // there is no asking, only trying: it throws while it is off, and a span that does not end is
    // never sent
    tracer.startSpan("probe", { kind: SERVER, startTime: Date.now(), attributes: {} }, NO_PARENT);
  } catch {
    return undefined;
  }
  return (event) => {
    if (event.kind === "request") makeSpan(tracer, event);
  };
}

const NO_PARENT: Context = { getValue: () => undefined };

function makeSpan(tracer: Tracer, event: RequestServed): void {
  const { durationMs, error } = event;
  const now = Date.now();
  const { name, failed, attributes } = describeRequest(event);
  const span = tracer.startSpan(name, {
    kind: SERVER,
    startTime: now - durationMs,
    attributes,
  }, contextOf(event.traceparent));
  if (failed) span.setStatus({ code: ERROR, message: error?.code ?? "" });
  span.end(now);
}

/** What a request's span says: OpenTelemetry semantic conventions for HTTP servers. */
export function describeRequest(event: RequestServed): {
  readonly name: string;
  /** Whether it is an error: what a client's choice has led to is none. */
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number | undefined>>;
} {
  const { method = "", host, target, status, error } = event;
  // clients choose the others: spans are grouped by these
  const isKnown = STANDARD_METHODS.includes(method);
  return {
    name: isKnown ? method : "HTTP",
    failed: status >= 500 || error !== undefined && !error.isEveryday,
    attributes: {
      "http.request.method": isKnown ? method : "_OTHER",
      "http.request.method_original": isKnown ? undefined : method || undefined,
      // 0 where nothing was answered
      "http.response.status_code": status || undefined,
      "http.route": event.route,
      "url.scheme": event.tls === undefined ? "http" : "https",
      "url.path": target === undefined ? undefined : pathOf(target),
      "server.address": host === undefined ? undefined : hostOfAuthority(host),
      "client.address": event.client ?? event.peer.host,
      "network.peer.address": event.peer.host,
      "network.protocol.version": event.version?.slice("HTTP/".length),
      "tls.protocol.version": event.tls?.protocol,
      "tls_proxy.backend": event.backend,
      "tls_proxy.server": event.server,
      "error.type": error?.code ?? (status >= 500 ? `${status}` : undefined),
    },
  };
}

/** Without the query, and without the origin that the absolute form has (RFC 9112, section 3.2). */
function pathOf(target: string): string {
  return target.replace(/\?.*$/, "").replace(/^https?:\/\/[^/]*/i, "") || "/";
}

function contextOf(traceparent: string | undefined): Context {
  const parent = parseTraceparent(traceparent);
  return parent === undefined
    ? NO_PARENT
    : { getValue: (key) => key === SPAN_KEY ? { spanContext: () => parent } : undefined };
}

/** W3C Trace Context, section 3.2: of a later version what is known of this one. */
export function parseTraceparent(value: string | undefined): ParentSpan | undefined {
  const match = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/
    .exec(value ?? "");
  const [, traceId = "", spanId = "", flags = ""] = match ?? [];
  if (match === null || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  if (value?.startsWith("00") && value.length !== 55) return undefined;
  return { traceId, spanId, traceFlags: parseInt(flags, 16) & 1, isRemote: true };
}
