import type { Contender, Mode } from "../contender.ts";
import { CADDY } from "./caddy.ts";
import { HAPROXY } from "./haproxy.ts";
import { NGINX } from "./nginx.ts";
import { TCP_PEERS } from "./tcp_peers.ts";
import { observedProxy, tlsProxy } from "./tls_proxy.ts";

/** The ones that all others of their mode are compared with. */
export const BASELINES: Readonly<Record<Mode, string>> = { http: "haproxy", tcp: "hitch" };

/** In the order of the report. */
export const CONTENDERS: readonly Contender[] = [
  tlsProxy("deno"),
  tlsProxy("openssl"),
  observedProxy(),
  HAPROXY,
  NGINX,
  CADDY,
  tlsProxy("deno", "tcp"),
  tlsProxy("openssl", "tcp"),
  ...TCP_PEERS,
];
