import type { ProxyEvent } from "../core/event.ts";

/** What an event is about; each has a level of its own in the log. */
export type Category = "access" | "tls" | "server" | "proxy";

/** All of them. */
export const CATEGORIES = ["access", "tls", "server", "proxy"] as const satisfies Category[];

/** The category whose level decides on an event. */
export function categoryOf(event: ProxyEvent): Category {
  switch (event.kind) {
    case "request":
    case "connection_end":
    case "plain_connection":
      return "access";
    case "handshake":
    case "passthrough":
    case "handshake_failed":
    case "probed":
    case "certificate_expiring":
    case "certificate_obtained":
    case "certificate_failed":
      return "tls";
    case "server_failed":
    case "server_reached":
    case "server_state":
    case "servers_resolved":
    case "resolve_failed":
      return "server";
    case "listener_trouble":
    case "listener_recovered":
    case "connections_refused":
    case "reloaded":
    case "reload_failed":
    case "worker_died":
    case "cluster":
      return "proxy";
  }
}
