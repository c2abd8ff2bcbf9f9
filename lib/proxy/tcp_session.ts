import type { Deadlines } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import type { Connection } from "../io/connection.ts";
import type { TlsConnection } from "../tls/engine.ts";
import type { Origin } from "../upstream/proxy_protocol.ts";
import type { Live } from "../core/live.ts";
import type { Backend, OnWait } from "../upstream/backend.ts";
import type { TunnelLease } from "../upstream/tunnel_lease.ts";
import type { Server } from "../upstream/server.ts";
import { Tries } from "../upstream/tries.ts";
import { proxyStops } from "./connection_end.ts";
import { passOn, relay } from "./relay.ts";
import { mayRetry } from "./retry.ts";
import type { Policy } from "./policy.ts";
import type { Session } from "./session.ts";
import { WaitingClient } from "./waiting_client.ts";

export interface TcpSessionOptions {
  readonly policy: Live<Policy>;
  readonly deadlines: Deadlines;
  readonly observe: Observer;
}

/** Serves one connection as opaque bytes, to the backend that its SNI names. */
export function serveTcp(client: TlsConnection, options: TcpSessionOptions): Session {
  return carry(client, { ...options, tls: client.tls, origin: client, passthrough: false });
}

/**
 * The same for one whose TLS is the server's: it begins with the ClientHello as it came.
 *
 * @param sni the name in it
 */
export function servePassthrough(
  client: Connection,
  sni: string | undefined,
  options: TcpSessionOptions,
): Session {
  const { peer, local } = client;
  const tls = { ...NOTHING_SETTLED, sni };
  return carry(client, { ...options, tls, origin: { peer, local }, passthrough: true });
}

/** Of TLS that others settle. */
const NOTHING_SETTLED = {
  ...{ alpn: undefined, protocol: undefined, cipher: undefined, resumed: undefined },
  handshakeMs: undefined,
};

interface CarryOptions extends TcpSessionOptions {
  readonly tls: TlsFacts;
  /** What servers are told of the client's connection. */
  readonly origin: Origin;
  readonly passthrough: boolean;
}

function carry(client: Connection, options: CarryOptions): Session {
  const { tls, origin, passthrough } = options;
  const started = performance.now();
  let route: string | undefined;
  let backend: string | undefined;
  let server: string | undefined;
  let waitMs: number | undefined;
  let waiting: WaitingClient | undefined;
  let stop: (why: ProxyError) => void = () => {};
  const onWait = (giveUp: () => void) => (waiting ??= new WaitingClient(client)).waitFor(giveUp);

  return {
    done: run(),
    // bytes that mean nothing to us have no point where they could be cut
    drain: () => {},
    abort: () => {
      const error = proxyStops();
      client.close(error);
      stop(error);
    },
  };

  async function run(): Promise<void> {
    let error: ProxyError | undefined;
    try {
      const { router, timeouts } = options.policy.current;
      const found = router.route(tls.sni, undefined);
      if (found?.passthrough !== passthrough) throw new ProxyError("no_route", "No route matches");
      route = router.nameAt(found.index);
      const { action } = found.target;
      if (action.kind !== "backend") throw new ProxyError("no_route", "The route is for HTTP");
      backend = action.backend.name;
      const connecting = connect(origin, action.backend, onWait);
      using upstream = await unlessStopped(connecting, (reject) => void (stop = reject));
      server = upstream.server.name;
      waitMs = performance.now() - started;
      const carryOn = passthrough || waiting !== undefined ? passOn : relay;
      await carryOn(waiting?.serve() ?? client, upstream.connection, {
        deadlines: options.deadlines,
        idleTimeout: timeouts.tunnelIdle,
      });
    } catch (reason) {
      error = asProxyError(waiting?.gone ?? reason, "internal");
      client.reset(error);
    }
    options.observe({
      kind: "connection_end",
      peer: client.peer,
      bytesIn: client.bytes.read,
      bytesOut: client.bytes.written,
      durationMs: performance.now() - started,
      requests: undefined,
      route,
      backend,
      server,
      waitMs,
      tls,
      passthrough,
      error,
    });
  }
}

/** A connection to the first server that takes one. @throws {ProxyError} */
async function connect(client: Origin, backend: Backend, onWait: OnWait): Promise<TunnelLease> {
  const tries = new Tries();
  let last: ProxyError | undefined;
  for (;;) {
    let server: Server | undefined;
    try {
      server = await backend.claim(client.peer.host, { tries }, onWait);
      return await backend.connect(server, client);
    } catch (error) {
      const failed = asProxyError(error, "internal");
      if (server === undefined) throw last ?? failed;
      if (failed.source === "upstream") backend.report(server, failed, { begun: false });
      const { code } = failed;
      const retry = mayRetry({ ...NOTHING_SENT, code });
      if (!retry || tries.count >= backend.retries) throw failed;
      tries.add(server, { again: false });
      last = failed;
    }
  }
}

/**
 * A connection, or what it is given up for before it is there; one that comes after that is closed.
 *
 * @param onBegin given what gives it up
 */
function unlessStopped(
  connecting: Promise<TunnelLease>,
  onBegin: (stop: (why: ProxyError) => void) => void,
): Promise<TunnelLease> {
  return new Promise((resolve, reject) => {
    let isStopped = false;
    onBegin((why) => {
      isStopped = true;
      reject(why);
    });
    connecting.then((lease) => isStopped ? lease[Symbol.dispose]() : resolve(lease), reject);
  });
}

const NOTHING_SENT = { repeatable: false, bodyGone: false, seen: "yes" } as const;
