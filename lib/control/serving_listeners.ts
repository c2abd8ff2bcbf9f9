import { ACME_PROTOCOL, NO_CHALLENGES, type PendingChallenges } from "../acme/challenges.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { liveCertificateStore } from "../certificates/certificate_store.ts";
import { challengeCertificateOf } from "../certificates/challenge_certificate.ts";
import type { ListenerConfig, TlsListenerConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../core/address.ts";
import { AddressSet } from "../core/address_set.ts";
import type { Counters } from "../core/counters.ts";
import type { Observer } from "../core/event.ts";
import { Live } from "../core/live.ts";
import type { Deadlines } from "../io/deadlines.ts";
import { admitClient } from "../proxy/admit_client.ts";
import { type ConnectionCounts, ConnectionLimit } from "../proxy/connection_limit.ts";
import { serveHttp1 } from "../proxy/http1_session.ts";
import { openListener } from "../proxy/listener.ts";
import { openPlainListener } from "../proxy/plain_listener.ts";
import type { Policy } from "../proxy/policy.ts";
import type { RuleServices } from "../proxy/route_rules.ts";
import { PathSet } from "../proxy/router.ts";
import { RunQueue } from "../proxy/run_queue.ts";
import { serveConnection } from "../proxy/serve_connection.ts";
import { servePlain } from "../proxy/serve_plain.ts";
import type { HttpSessionOptions } from "../proxy/serve_request.ts";
import type { Sessions } from "../proxy/session.ts";
import { servePassthrough, serveTcp } from "../proxy/tcp_session.ts";
import { denoEngine } from "../tls/deno_engine.ts";
import type { TicketKeys } from "../tls/openssl/ticket_keys.ts";
import { opensslEngine } from "../tls/openssl_engine.ts";
import type { OpeningTerms, OpenListener } from "./listener_set.ts";
import { alpnOf, engineOf, tlsPolicyOf } from "./listener_engine.ts";
import { certificateStore, type LoadedConfig } from "./snapshot.ts";

/** What all listeners of a thread serve by. */
export interface ServingOptions {
  readonly policy: Live<Policy>;
  readonly rules: RuleServices;
  readonly sessions: Sessions;
  readonly deadlines: Deadlines;
  /** Where connections are counted. */
  readonly counters: Counters;
  /** How many descriptors the process may have; undefined where that is not known. */
  readonly descriptors: number | undefined;
  /** What session tickets are sealed with. */
  readonly tickets: TicketKeys;
  readonly observe: Observer;
  /** Whether events are to tell the trace that a request belongs to. */
  readonly traced: boolean;
}

/** What every kind of listener is opened with. */
type Shared = Omit<Parameters<typeof openPlainListener>[0], "serve">;

/** Opens listeners that serve by what is in force. */
export class ServingListeners {
  readonly #options: ServingOptions;
  /** What sessions serve by. */
  readonly #session: HttpSessionOptions;
  /** What a CA may ask for. */
  readonly #challenges = new Live<PendingChallenges>(NO_CHALLENGES);
  #challengeCertificates: ReadonlyMap<string, Certificate> = new Map();
  /** Of connections, by the address of their listener. */
  readonly #counts = new Map<string, ConnectionCounts>();

  constructor(options: ServingOptions) {
    this.#options = options;
    const { policy, deadlines, observe, traced, rules } = options;
    this.#session = { policy, deadlines, queue: new RunQueue(), observe, traced, rules };
  }

  setChallenges(pending: PendingChallenges): void {
    this.#challenges.replace(pending);
    this.#challengeCertificates = new Map(
      Object.entries(pending.certificates)
        .map(([name, pem]) => [name, challengeCertificateOf(name, pem)]),
    );
  }

  /** @throws {ProxyError} `bad_config` or `unavailable`, one clear line */
  open(config: ListenerConfig, loaded: LoadedConfig, terms: OpeningTerms): Promise<OpenListener> {
    const { sessions, observe } = this.#options;
    const shared = {
      ...{ sessions, observe, ...terms },
      limit: this.#limitOf(config.listen),
      address: config.listen,
      proxies: new AddressSet(config.proxyProtocol?.from ?? []),
      handshakeTimeout: loaded.config.timeouts.handshake,
    };
    return config.kind === "tls"
      ? this.#openTls(config, loaded, shared)
      : this.#openPlain(config, shared);
  }

  async #openTls(
    config: TlsListenerConfig,
    loaded: LoadedConfig,
    shared: Shared,
  ): Promise<OpenListener> {
    const { mode, listen } = config;
    const { policy, tickets } = this.#options;
    const session = this.#session;
    const { engine, reason: engineReason } = engineOf(config, loaded.config);
    const certificates = liveCertificateStore(certificateStore(loaded));
    const terms = {
      challenge: {
        protocol: ACME_PROTOCOL,
        certificateFor: (name: string) => this.#challengeCertificates.get(name),
      },
      certificates,
      alpn: alpnOf(config),
      policy: tlsPolicyOf(config),
    };
    const listener = await openListener({
      ...shared,
      ...terms,
      tickets,
      engine: engine === "deno" ? denoEngine : opensslEngine,
      admit: (hello) => admitClient(hello, policy.current, terms),
      pass: (connection, sni) => servePassthrough(connection, sni, session),
      serve: mode === "tcp"
        ? (connection) => serveTcp(connection, session)
        : (connection) => serveConnection(connection, session),
    });
    const running = { address: listener.address, mode, engine, engineReason };
    return { listener, running, listen, certificates };
  }

  async #openPlain(
    config: Exclude<ListenerConfig, TlsListenerConfig>,
    shared: Shared,
  ): Promise<OpenListener> {
    const redirect = config.kind === "redirect" ? new PathSet(config.except) : undefined;
    const session = { ...this.#session, redirect, challenges: this.#challenges };
    const listener = await openPlainListener({
      ...shared,
      serve: config.kind === "plain" && config.http2
        ? (connection) => servePlain(connection, session)
        : (connection) => serveHttp1(connection, session),
    });
    const mode = redirect === undefined ? "http" : "redirect";
    const running = {
      address: listener.address,
      mode,
      engine: undefined,
      engineReason: "",
    } as const;
    return { listener, running, listen: config.listen, certificates: undefined };
  }

  /** Counts the connections of one listener; its limits change with the configuration. */
  #limitOf(address: Address): ConnectionLimit {
    const { policy, deadlines, descriptors, observe } = this.#options;
    return new ConnectionLimit({
      ...this.#countsOf(address),
      limits: () => policy.current.limits,
      onRefused: (refused) => observe({ kind: "connections_refused", listen: address, ...refused }),
      ...{ deadlines, descriptors },
    });
  }

  /** Connections outlive their listener, so the next one on its address goes on with its counts. */
  #countsOf(address: Address): ConnectionCounts {
    const { counters } = this.#options;
    const name = `listener ${formatAddress(address)}`;
    const counts = this.#counts.get(name) ?? {
      open: counters.count(name),
      byHost: counters.byKey(name),
      unproven: counters.count(`${name} unproven`),
    };
    // a port that the system chose is nobody's
    if (address.port !== 0) this.#counts.set(name, counts);
    return counts;
  }
}
