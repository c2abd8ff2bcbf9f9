import type { Deadlines } from "../core/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Observer } from "../observability/event.ts";
import type { TlsConnection } from "../tls/engine.ts";
import { relay } from "./relay.ts";
import type { Router } from "./router.ts";
import type { Session } from "./session.ts";

export interface TcpSessionOptions {
  readonly router: Router;
  readonly deadlines: Deadlines;
  readonly observe: Observer;
  /** Milliseconds without a byte after which a connection is ended. */
  readonly tunnelIdle: number;
}

/** Serves one connection as opaque bytes, to the backend that its SNI names. */
export function serveTcp(client: TlsConnection, options: TcpSessionOptions): Session {
  const started = performance.now();
  let server: string | undefined;

  return {
    done: run(),
    // bytes that mean nothing to us have no point where they could be cut
    drain: () => {},
    abort: () => client.close(new ProxyError("draining", "The proxy is stopping")),
  };

  async function run(): Promise<void> {
    let how = "done";
    try {
      const backend = options.router.route(client.tls.sni);
      if (backend === undefined) throw new ProxyError("no_route", "No route matches");
      const upstream = await backend.connect();
      server = upstream.server;
      await relay(client, upstream.connection, {
        deadlines: options.deadlines,
        idleTimeout: options.tunnelIdle,
      });
    } catch (error) {
      const broken = asProxyError(error, "internal");
      how = `${broken.code}: ${broken.message}`;
      client.close(broken);
    }
    options.observe({
      kind: "connection_end",
      peer: client.peer,
      bytesIn: client.bytes.read,
      bytesOut: client.bytes.written,
      durationMs: performance.now() - started,
      requests: undefined,
      server,
      how,
    });
  }
}
