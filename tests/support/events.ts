import type { TlsFacts } from "../../lib/core/tls_facts.ts";
import type { Address } from "../../lib/core/address.ts";
import type { ConnectionEnded, RequestServed } from "../../lib/core/event.ts";

/** Events of a small life: tests change what they are about. */

export const PEER: Address = { host: "127.0.0.1", port: 5555 };

export const TLS: TlsFacts = {
  sni: "localhost",
  alpn: "http/1.1",
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  resumed: false,
  group: "x25519",
  handshakeMs: 3.14159,
};

export const REQUEST: RequestServed = {
  kind: "request",
  id: "0af7-1",
  client: undefined,
  peer: PEER,
  method: "GET",
  target: "/x?a=b",
  host: "localhost:8443",
  version: "HTTP/1.1",
  status: 200,
  bytesIn: 0,
  bytesOut: 5,
  durationMs: 1.25,
  route: "localhost/x",
  rule: undefined,
  backend: "default",
  server: "127.0.0.1:8000",
  attempts: 1,
  reused: false,
  waitMs: 0.25,
  firstByteMs: 1,
  tls: TLS,
  error: undefined,
};

export const ENDED: ConnectionEnded = {
  kind: "connection_end",
  peer: PEER,
  bytesIn: 78,
  bytesOut: 411,
  durationMs: 21,
  requests: 1,
  route: undefined,
  backend: undefined,
  server: undefined,
  waitMs: undefined,
  tls: TLS,
  error: undefined,
};
