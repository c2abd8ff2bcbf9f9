import type { Config, ListenerConfig, Mode } from "./config/schema.ts";
import type { Address } from "./core/address.ts";
import { Deadlines } from "./core/deadlines.ts";
import { ProxyError } from "./core/errors.ts";
import type { Observer } from "./observability/event.ts";
import { serveHttp } from "./proxy/http_session.ts";
import { openListener } from "./proxy/listener.ts";
import { Router } from "./proxy/router.ts";
import { type Session, Sessions } from "./proxy/session.ts";
import { serveTcp } from "./proxy/tcp_session.ts";
import { loadCertificate } from "./tls/certificate.ts";
import { type CertificateStore, createCertificateStore } from "./tls/certificate_store.ts";
import { chooseEngine, type EngineChoice } from "./tls/choose_engine.ts";
import { denoEngine } from "./tls/deno_engine.ts";
import type { Capability, EngineName, TlsConnection, TlsListener } from "./tls/engine.ts";
import { mayCallLibc, revokeFfi } from "./tls/no_delay.ts";
import { nodeEngine } from "./tls/node_engine.ts";
import { Backend } from "./upstream/backend.ts";

/** A listener that is up. */
export interface RunningListener {
  readonly address: Address;
  readonly mode: Mode;
  readonly engine: EngineName;
  /** Why this engine, for a person. */
  readonly engineReason: string;
}

/** The proxy while it serves. */
export interface App {
  readonly listeners: readonly RunningListener[];
  /**
   * Stops accepting, lets running requests and tunnels finish for at most the configured drain
   * time, then ends what is left. Resolves with the number of connections cut off.
   */
  drain(): Promise<number>;
}

/**
 * Loads certificates, listens and serves. The permission to call foreign functions, which the
 * `deno` engine needs once, is given up before the first connection is served.
 *
 * @throws {ProxyError} `bad_config` or `unavailable`, one clear line
 */
export async function startApp(config: Config, observe: Observer): Promise<App> {
  const certificates = createCertificateStore(
    (await Promise.all(config.certificates.map(loadCertificate)))
      .map((certificate) => ({ certificate })),
  );
  const deadlines = new Deadlines();
  const backends = openBackends(config, { deadlines, observe });
  const router = openRouter(config, backends);
  const sessions = new Sessions();
  const open: { listener: TlsListener; running: RunningListener }[] = [];

  const drain = async () => {
    await Promise.all(open.map(({ listener }) => listener.close()));
    const cut = await sessions.drain(config.timeouts.drain);
    for (const backend of backends.values()) backend.close();
    return cut;
  };

  try {
    for (const listener of config.listeners) {
      const { engine, reason } = engineFor(listener, { config, certificates });
      const opened = await openListener({
        engine: engine === "deno" ? denoEngine : nodeEngine,
        address: listener.listen,
        certificates,
        alpn: listener.mode === "http" ? ["http/1.1", "http/1.0"] : [],
        handshakeTimeout: config.timeouts.handshake,
        sessions,
        observe,
        serve: serverFor(listener.mode, { config, router, deadlines, observe }),
      });
      const { address } = opened;
      const running = { address, mode: listener.mode, engine, engineReason: reason };
      open.push({ listener: opened, running });
    }
  } catch (error) {
    await drain();
    throw error;
  }
  revokeFfi();
  return { listeners: open.map(({ running }) => running), drain };
}

interface Shared {
  readonly deadlines: Deadlines;
  readonly observe: Observer;
}

function openBackends(
  { backends, limits }: Config,
  { deadlines, observe }: Shared,
): Map<string, Backend> {
  return new Map([...backends].map(([name, { servers, timeouts, pool }]) => [
    name,
    new Backend({
      name,
      servers,
      connectTimeout: timeouts.connect,
      responseTimeout: timeouts.response,
      pool: { ...pool, deadlines },
      limits,
    }, observe),
  ]));
}

function openRouter({ routes }: Config, backends: ReadonlyMap<string, Backend>): Router {
  return new Router(routes.map(({ hosts, backend: name }) => {
    const backend = backends.get(name);
    if (backend === undefined) throw new ProxyError("bad_config", `There is no backend "${name}"`);
    return { hosts, backend };
  }));
}

function engineFor(
  listener: ListenerConfig,
  { config, certificates }: { config: Config; certificates: CertificateStore },
): EngineChoice {
  const needs = new Map<Capability, string>();
  if (config.log.tls) {
    needs.set("protocol_facts", "protocol, cipher and SNI are to be logged");
  }
  if (certificates.all.length > 1) {
    needs.set("certificates_by_name", "there is more than one certificate");
  }
  if (listener.mode === "tcp" && config.routes.some(({ hosts }) => hosts.length > 0)) {
    needs.set("sni_facts", "tcp connections are routed by SNI");
  }
  if (listener.mode === "tcp") {
    needs.set("truncation_shown", "a tcp connection that is broken off must not look complete");
  }
  return chooseEngine({
    wanted: listener.engine,
    needs,
    denoCan: denoEngine.can,
    denoUnavailable: mayCallLibc()
      ? undefined
      : "the permission to call the C library is not given",
  });
}

function serverFor(
  mode: Mode,
  { config: { timeouts, limits }, router, deadlines, observe }: Shared & {
    config: Config;
    router: Router;
  },
): (connection: TlsConnection) => Session {
  const { tunnelIdle } = timeouts;
  return mode === "tcp"
    ? (connection) => serveTcp(connection, { router, deadlines, observe, tunnelIdle })
    : (connection) => serveHttp(connection, { router, deadlines, observe, limits, timeouts });
}
