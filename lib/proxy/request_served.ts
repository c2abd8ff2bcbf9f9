import type { AddressSet } from "../core/address_set.ts";
import type { ProxyError } from "../core/errors.ts";
import type { RequestServed } from "../core/event.ts";
import { valuesOf } from "../http/field.ts";
import { clientOf } from "../http/forwarded.ts";
import type { RequestFacts, RequestHead } from "../http/message.ts";
import type { CodedFacts } from "./answer_transform.ts";
import type { Exchange } from "./exchange.ts";
import type { HttpClient } from "./http_client.ts";

/** What is known of a request that has been served. */
export interface ServedRequest {
  readonly client: HttpClient;
  readonly request: RequestFacts;
  /** Bytes of it, and bytes that the client was sent for it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly exchange: Exchange;
  /** When it began, as `performance.now()` has it. */
  readonly began: number;
  readonly routed:
    | { readonly name: string | undefined; readonly backend: { readonly name: string } | undefined }
    | undefined;
  /** The proxies that are believed, where the peer is one of them. */
  readonly trusted: AddressSet | undefined;
  /** Whether the trace that it belongs to is to be told. */
  readonly traced: boolean;
  /** The rule that has answered it, where one has. */
  readonly rule: string | undefined;
  /** What has become of the answer's body, where it was compressed. */
  readonly coded: CodedFacts | undefined;
  /** How it failed, where it did. */
  readonly error: ProxyError | undefined;
}

/** What the log is told of a request. */
export function requestServed(served: ServedRequest): RequestServed {
  const { client, request, exchange, began, routed } = served;
  const { answeredAt, lease: { server, attempts, reused, leasedAt } } = exchange;
  return {
    kind: "request",
    peer: client.peer,
    id: request.id,
    client: served.trusted === undefined ? undefined : clientBehind(served, served.trusted),
    method: request.method,
    target: request.target,
    host: request.authority,
    version: request.version,
    status: exchange.status,
    bytesIn: served.bytesIn,
    bytesOut: served.bytesOut,
    coded: served.coded,
    durationMs: performance.now() - began,
    route: routed?.name,
    backend: routed?.backend?.name,
    rule: served.rule,
    server: server?.name,
    attempts,
    reused,
    waitMs: leasedAt === 0 ? undefined : leasedAt - began,
    firstByteMs: answeredAt === 0 ? undefined : answeredAt - began,
    tls: client.tls,
    traceparent: served.traced ? request.values("traceparent").join(",") : undefined,
    error: served.error,
  };
}

/** The client behind the trusted proxies. */
export function clientBehind(
  { client, request }: { client: HttpClient; request: Pick<RequestFacts, "values"> },
  trusted: AddressSet,
): string | undefined {
  const chain = request.values("x-forwarded-for").join(",").split(",");
  return clientOf([...chain, client.peer.host], (address) => trusted.has(address));
}

/** What is refused before it is served, and what its client was told. */
export interface RefusedRequest {
  readonly client: HttpClient;
  /** Its head; undefined where the bytes were none. */
  readonly head: RequestHead | undefined;
  readonly id: string;
  readonly status: number;
  readonly error: ProxyError;
  readonly began: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The proxies that are believed. */
  readonly trusted: AddressSet;
  /** Whether the trace that it belongs to is to be told. */
  readonly traced: boolean;
}

/** What the log is told of what is refused. */
export function requestRefused(
  { client, head, id, status, error, began, bytesIn, bytesOut, trusted, traced }: RefusedRequest,
): RequestServed {
  const values = (name: string) => valuesOf(head?.fields ?? [], name);
  const isBehind = head !== undefined && trusted.has(client.peer.host);
  return {
    kind: "request",
    peer: client.peer,
    id,
    client: isBehind ? clientBehind({ client, request: { values } }, trusted) : undefined,
    method: head?.method,
    target: head?.target,
    host: values("host")[0],
    version: head === undefined ? undefined : `HTTP/1.${head.minor}`,
    status,
    bytesIn,
    bytesOut,
    durationMs: performance.now() - began,
    route: undefined,
    rule: undefined,
    backend: undefined,
    server: undefined,
    attempts: 0,
    reused: false,
    waitMs: undefined,
    firstByteMs: undefined,
    tls: client.tls,
    traceparent: traced ? values("traceparent").join(",") : undefined,
    error,
  };
}
