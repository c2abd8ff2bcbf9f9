import { HTTP2 } from "../http/alpn.ts";
import { serveHttp2 } from "./http2_session.ts";
import type { HttpConnection } from "./http_connection.ts";
import { serveHttp1 } from "./http1_session.ts";
import type { HttpSessionOptions } from "./serve_request.ts";
import type { Session } from "./session.ts";

/** Serves a connection by the version of HTTP that its handshake has settled. */
export function serveConnection(client: HttpConnection, options: HttpSessionOptions): Session {
  return client.tls?.alpn === HTTP2 ? serveHttp2(client, options) : serveHttp1(client, options);
}
