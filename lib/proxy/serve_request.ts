import type { Deadlines } from "../io/deadlines.ts";
import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import type { Live } from "../core/live.ts";
import { type PendingChallenges, tokenAnswer } from "../acme/challenges.ts";
import { field } from "../http/field.ts";
import { asAuthority, hostOfAuthority } from "../core/authority.ts";
import { errorAnswer, statusOf } from "../http/error_answer.ts";
import { ROLE } from "../http/field_name.ts";
import { isToldSecure } from "../http/forwarded.ts";
import { isGrpc } from "../http/grpc.ts";
import { hopsLeft } from "../http/max_forwards.ts";
import { optionsAnswer } from "../http/options_answer.ts";
import type { FieldChanges, Forwarding, RequestChanges, RequestFacts } from "../http/message.ts";
import type { Variables } from "../http/template.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import { redirectAnswer } from "../http/redirect_answer.ts";
import type { Backend } from "../upstream/backend.ts";
import type { CodedFacts } from "./answer_transform.ts";
import type { ClientIdentity } from "./client_identity.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangeOrder, ExchangeOwner } from "./exchange_order.ts";
import type { Policy } from "./policy.ts";
import { requestChanges } from "./request_changes.ts";
import { clientBehind, requestServed } from "./request_served.ts";
import { routeAnswer, withChanges } from "./respond.ts";
import { judge, RuleRefusal, type RuleServices } from "./route_rules.ts";
import type { RouteTarget } from "./route_target.ts";
import type { PathSet } from "./router.ts";
import type { RunQueue } from "./run_queue.ts";
import type { ClientStream } from "./streams.ts";

export interface ServeOptions {
  readonly deadlines: Deadlines;
  /** Of all requests of the thread. */
  readonly queue: RunQueue;
  readonly observe: Observer;
  /** Sends clients to https, but for what these paths cover; undefined to send nobody. */
  readonly redirect?: PathSet | undefined;
  /** What a CA may ask for, ahead of routes and redirects; undefined where it asks nothing. */
  readonly challenges?: Live<PendingChallenges>;
  /** Whether the trace that a request belongs to is to be told. */
  readonly traced?: boolean;
  /** What rules of routes are judged with. */
  readonly rules: RuleServices;
}

/** What a session of HTTP serves by. */
export interface HttpSessionOptions extends ServeOptions {
  /** Read anew for each request. */
  readonly policy: Live<Policy>;
}

/** Failures that asking again may get around: no server has seen the request. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set([
  "no_server",
  "backend_unavailable",
  "overloaded",
  "connect_failed",
  "connect_timeout",
]);

/**
 * Serves the requests of a client stream, one at a time: finds out what is to be done with each, has
 * that done, and tells of it. It knows nothing of framing, and of connections only whose they are.
 */
export class RequestService implements ExchangeOwner {
  readonly exchange: Exchange;
  readonly #stream: ClientStream;
  readonly #identity: ClientIdentity;
  readonly #options: ServeOptions;
  #began = 0;
  #policy: Policy | undefined;
  /** The last request that was routed, what it was routed by, and where it went. */
  #routed: Routed | undefined;
  /** Whether that is where this request goes. */
  #isRouted = false;
  /** What is made of the fields of its answer, also of one of the proxy's own. */
  #answerChanges: FieldChanges | undefined;
  /** The rule that has answered it. */
  #rule: string | undefined;
  /** What has become of the body of an answer of the proxy's own. */
  #coded: CodedFacts | undefined;

  constructor(stream: ClientStream, identity: ClientIdentity, options: ServeOptions) {
    this.#stream = stream;
    this.#identity = identity;
    this.#options = options;
    this.exchange = new Exchange(stream, this, options);
  }

  /** Serves the stream's request by a policy, which holds for it to its end. */
  serve(policy: Policy): void {
    this.#begin(policy);
    const { request } = this.#stream;
    const answer = this.#answerTo(request);
    if (answer instanceof ProxyError) return this.exchange.refuse(answer);
    if (answer !== undefined) return this.exchange.respond(answer, true);
    let routed: Routed;
    try {
      routed = this.#route(request, policy);
    } catch (reason) {
      return this.exchange.refuse(asProxyError(reason, "internal"));
    }
    const { order, target: { action, rules } } = routed;
    if (order !== undefined) return this.exchange.start(order, this.#began);
    if (rules !== undefined || action.kind !== "backend") {
      return void this.#serveByRules(routed, policy);
    }
    this.exchange.start(this.#orderTo(action.backend, routed), this.#began);
  }

  /** Nothing is known of the request but what it is served by. */
  #begin(policy: Policy): void {
    this.#began = performance.now();
    this.#policy = policy;
    this.#isRouted = false;
    this.#answerChanges = undefined;
    this.#rule = undefined;
    this.#coded = undefined;
  }

  /** The same where a route asks something of a request, changes it or answers by itself. */
  async #serveByRules(routed: Routed, policy: Policy): Promise<void> {
    const isWaitedFor = this.exchange.hold();
    const { request } = this.#stream;
    const { host, target: { action, rules } } = routed;
    const variables = this.#variables(host, policy);
    this.#answerChanges = rules?.answerFields?.(variables);
    let changes: RequestChanges | undefined;
    let now = this.#began;
    try {
      const judged = rules &&
        judge(rules, { request, client: variables.client }, this.#options.rules);
      if (judged !== undefined) {
        await judged;
        now = performance.now();
      }
      if (rules !== undefined && action.kind === "backend" && isWaitedFor()) {
        const { trusted } = this.#identity.forwarding(policy);
        changes = requestChanges(rules, request, { variables, trusted });
      }
    } catch (reason) {
      if (isWaitedFor()) this.#refuseByRule(asProxyError(reason, "internal"));
      return;
    }
    if (!isWaitedFor()) return;
    if (action.kind !== "backend") {
      this.#rule = action.kind;
      const answer = routeAnswer(action, request, variables);
      if (this.#stream.isForTunnel && answer.status < 300) {
        return this.#refuseByRule(new ProxyError("no_route", "No route opens a tunnel here"));
      }
      return this.exchange.respondTo(this.#finished(answer), undefined);
    }
    const made = { request: changes, answer: this.#answerChanges };
    this.exchange.proceed(this.#orderTo(action.backend, routed, made), now);
  }

  /**
   * What is to be done with a request that goes to a backend.
   *
   * @param changes what rules make of it and of its answer
   */
  #orderTo(
    backend: Backend,
    { policy, target: { rules, bodyLimit } }: Pick<Routed, "policy" | "target">,
    changes: MadeChanges = {},
  ): ExchangeOrder {
    const forwarding = this.#identity.forwarding(policy);
    const { request } = this.#stream;
    const kept = backend.sticky?.read(request.values("cookie"), this.#isSecure(forwarding));
    return {
      backend,
      forwarding,
      client: goesByClient(backend, forwarding) ? this.#clientAddress(policy) : undefined,
      requestChanges: kept === undefined ? changes.request : kept.requestChanges(changes.request),
      answerChanges: changes.answer,
      kept,
      transformer: rules?.compress === true ? this.#options.rules.compressor : undefined,
      bodyLimit,
      tunnelIdle: policy.timeouts.tunnelIdle,
    };
  }

  #refuseByRule(error: ProxyError): void {
    if (error instanceof RuleRefusal) this.#rule = error.rule;
    const answer = this.answerFor(error);
    if (answer === undefined) return this.exchange.abort(error);
    this.exchange.respondTo(answer, error);
  }

  #variables(host: string | undefined, policy: Policy): Variables & { readonly client: string } {
    const { request, client: { tls } } = this.#stream;
    return {
      client: this.#clientAddress(policy),
      host: host === undefined ? undefined : asAuthority(host),
      path: request.path.split("?", 1)[0],
      sni: tls?.sni,
      id: request.id,
      "client_cert.subject": tls?.clientCert?.subject,
    };
  }

  /** The client's address, as far as proxies in front are believed. */
  #clientAddress({ forwarded: { trusted } }: Policy): string {
    const { peer: { host } } = this.#stream.client;
    return trusted.has(host) ? clientBehind(this.#stream, trusted) ?? host : host;
  }

  /** Whether the client came over TLS, as far as proxies in front are believed. */
  #isSecure({ proto, trusted }: Forwarding): boolean {
    const values = trusted ? this.#stream.request.values("x-forwarded-proto") : [];
    return isToldSecure(values) ?? proto === "https";
  }

  /** Answers the stream's request with why it is not served. */
  refuse(error: ProxyError, policy: Policy): void {
    this.#begin(policy);
    this.exchange.refuse(error);
  }

  /** Frees what is kept of the last request, which is worth it where none comes for a while. */
  forget(): void {
    this.#routed = undefined;
    this.#policy = undefined;
  }

  [Symbol.dispose](): void {
    this.exchange[Symbol.dispose]();
  }

  answerFor(error: ProxyError): OwnAnswer | undefined {
    if (statusOf(error) === undefined) return undefined;
    const { request } = this.#stream;
    const { retryAfter, challenge } = error instanceof RuleRefusal ? error : NOTHING_SAID;
    const answer = errorAnswer(error, {
      id: request.id,
      accept: request.values("accept").join(","),
      retryAfter: retryAfter ?? (MAY_PASS.has(error.code) ? this.#retryAfter : undefined),
      challenge,
      // its first line is what a client of gRPC is told: no HTML
      page: isGrpc(request) ? undefined : this.#policy?.errorPages.get(statusOf(error) ?? 0),
    });
    return this.#finished(answer);
  }

  /** An answer of the proxy's own, with what its route makes of it. */
  #finished(plain: OwnAnswer): OwnAnswer {
    const answer = withChanges(plain, this.#answerChanges);
    if (!this.#isRouted || this.#routed?.target.rules?.compress !== true) return answer;
    const { request } = this.#stream;
    const own = this.#options.rules.compressor.ownAnswer(request, answer);
    // whose body goes nowhere
    this.#coded = request.method === "HEAD" ? undefined : own.coded;
    return own.answer;
  }

  exchangeOver(error: ProxyError | undefined): void {
    const { request, bytesIn, bytesOut, client } = this.#stream;
    const policy = this.#policy;
    if (policy === undefined) return;
    this.#options.observe(requestServed({
      client,
      request,
      bytesIn,
      bytesOut,
      exchange: this.exchange,
      began: this.#began,
      routed: this.#isRouted ? routeFacts(this.#routed) : undefined,
      rule: this.#rule,
      coded: this.exchange.coded ?? this.#coded,
      trusted: this.#identity.forwarding(policy).trusted ? policy.forwarded.trusted : undefined,
      traced: this.#options.traced === true,
      error,
    }));
  }

  get #retryAfter(): number | undefined {
    const action = this.#isRouted ? this.#routed?.target.action : undefined;
    return action?.kind === "backend" ? action.backend.retryAfter : undefined;
  }

  /** What is answered here whatever the routes say, or why nothing can be. */
  #answerTo(request: RequestFacts): OwnAnswer | ProxyError | undefined {
    const { challenges, redirect } = this.#options;
    const token = challenges && tokenAnswer(request.path, challenges.current);
    if (token !== undefined) {
      const fields = [field("Content-Type", "application/octet-stream")];
      return { status: 200, fields, body: encodeLatin1(token) };
    }
    if (redirect?.covers(request.path) === false) return redirectAnswer(request);
    return mayGoNoFurther(request) ? optionsAnswer(request) : undefined;
  }

  /** @throws {ProxyError} `misdirected` or `no_route` */
  #route(request: RequestFacts, policy: Policy): Routed {
    const { authority, path } = request;
    let routed = this.#routed;
    const sameHost = routed?.policy === policy && routed.authority === authority;
    const isSame = sameHost && routed?.path === path && !policy.router.conditional;
    if (routed === undefined || !isSame) {
      const known = sameHost ? routed?.host : undefined;
      routed = this.#routed = this.#routeAnew(request, policy, known);
    }
    this.#isRouted = true;
    return routed;
  }

  #routeAnew(
    request: RequestFacts,
    policy: Policy,
    known: string | undefined,
  ): Routed {
    const { authority, path } = request;
    const { defaultHost } = this.#identity;
    const host = known ?? (authority === undefined ? defaultHost : hostOfAuthority(authority));
    if (known === undefined) this.#identity.checkHost(host, policy);
    const { router } = policy;
    const route = router.route(host, path, request);
    if (route?.passthrough === true) {
      throw new ProxyError("misdirected", "TLS is the server's own under this host");
    }
    if (route === undefined) {
      throw new ProxyError("no_route", "No route matches this host and path");
    }
    const { target } = route;
    const { action, rules } = target;
    const isPlain = action.kind === "backend" && action.backend.sticky === undefined &&
      rules === undefined && !goesByClient(action.backend, this.#identity.forwarding(policy));
    const order = isPlain ? this.#orderTo(action.backend, { policy, target }) : undefined;
    return { policy, authority, path, host, name: router.nameAt(route.index), target, order };
  }
}

/** Whether requests of one connection may be for several servers, as they are of several clients. */
function goesByClient(backend: Backend, { trusted }: Forwarding): boolean {
  return backend.goesByClient && trusted;
}

/** Whether this is the last hop that a request may go, so that it is answered here. */
function mayGoNoFurther(request: RequestFacts): boolean {
  return request.method === "OPTIONS" && request.has(ROLE.maxForwards) &&
    hopsLeft(request.method, request.values("max-forwards")) === 0;
}

function routeFacts(routed: Routed | undefined) {
  if (routed === undefined) return undefined;
  const { name, target: { action } } = routed;
  return { name, backend: action.kind === "backend" ? action.backend : undefined };
}

const NOTHING_SAID = { retryAfter: undefined, challenge: undefined };

/** What rules make of a request and of its answer. */
interface MadeChanges {
  readonly request?: RequestChanges | undefined;
  readonly answer?: FieldChanges | undefined;
}

/** Where a request goes, and what that was decided by. */
interface Routed {
  readonly policy: Policy;
  readonly authority: string | undefined;
  readonly path: string;
  readonly host: string | undefined;
  /** The route's. */
  readonly name: string | undefined;
  readonly target: RouteTarget;
  /** Where nothing depends on the request. */
  readonly order: ExchangeOrder | undefined;
}
