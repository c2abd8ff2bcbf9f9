import type { Deadlines } from "../core/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Observer } from "../observability/event.ts";
import type { TlsConnection } from "../tls/engine.ts";
import type { Live } from "../core/live.ts";
import { relay } from "./relay.ts";
import type { Policy } from "./policy.ts";
import type { Session } from "./session.ts";

export interface TcpSessionOptions {
  readonly policy: Live<Policy>;
  readonly deadlines: Deadlines;
  readonly observe: Observer;
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
      const { router, timeouts } = options.policy.current;
      const route = router.route(client.tls.sni, undefined);
      if (route === undefined) throw new ProxyError("no_route", "No route matches");
      const upstream = await route.target.connect();
      server = upstream.server;
      await relay(client, upstream.connection, {
        deadlines: options.deadlines,
        idleTimeout: timeouts.tunnelIdle,
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
