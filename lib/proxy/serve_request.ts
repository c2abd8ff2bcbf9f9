import type { Deadlines } from "../io/deadlines.ts";
import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";
import type { Observer } from "../core/event.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import type { Live } from "../core/live.ts";
import { type PendingChallenges, tokenAnswer } from "../acme/challenges.ts";
import { field } from "../http/field.ts";
import { hostOfAuthority } from "../core/authority.ts";
import { errorAnswer, statusOf } from "../http/error_answer.ts";
import { ROLE } from "../http/field_name.ts";
import { hopsLeft } from "../http/max_forwards.ts";
import { optionsAnswer } from "../http/options_answer.ts";
import type { RequestFacts } from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import { redirectAnswer } from "../http/redirect_answer.ts";
import type { ClientIdentity } from "./client_identity.ts";
import { Exchange, type ExchangeOrder, type ExchangeOwner } from "./exchange.ts";
import { isMisdirected, isUnderOtherAuth } from "./misdirected.ts";
import type { Policy } from "./policy.ts";
import { requestServed } from "./request_served.ts";
import type { ClientStream } from "./streams.ts";

export interface ServeOptions {
  readonly deadlines: Deadlines;
  readonly observe: Observer;
  /** Answers every request by sending the client to https, and asks no backend. */
  readonly redirect?: boolean;
  /** What a CA may ask for, ahead of routes and redirects; undefined where it asks nothing. */
  readonly challenges?: Live<PendingChallenges>;
  /** Whether the trace that a request belongs to is to be told. */
  readonly traced?: boolean;
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
  #routed: RoutedOrder | undefined;
  /** Whether that is where this request goes. */
  #isRouted = false;

  constructor(stream: ClientStream, identity: ClientIdentity, options: ServeOptions) {
    this.#stream = stream;
    this.#identity = identity;
    this.#options = options;
    this.exchange = new Exchange(stream, this, options.deadlines);
  }

  /** Serves the stream's request by a policy, which holds for it to its end. */
  serve(policy: Policy): void {
    this.#began = performance.now();
    this.#policy = policy;
    this.#isRouted = false;
    const { request } = this.#stream;
    const answer = this.#answerTo(request);
    if (answer !== undefined) return this.exchange.respond(answer, true);
    let order: ExchangeOrder;
    try {
      order = this.#route(request, policy);
    } catch (reason) {
      return this.exchange.refuse(asProxyError(reason, "internal"));
    }
    this.exchange.start(order, this.#began);
  }

  /** Answers the stream's request with why it is not served. */
  refuse(error: ProxyError, policy: Policy): void {
    this.#began = performance.now();
    this.#policy = policy;
    this.#isRouted = false;
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
    const retryAfter = this.#isRouted ? this.#routed?.backend.retryAfter : undefined;
    return errorAnswer(error, {
      id: request.id,
      accept: request.values("accept").join(","),
      retryAfter: MAY_PASS.has(error.code) ? retryAfter : undefined,
    });
  }

  exchangeOver(error: ProxyError | undefined): void {
    const { request, bodyBytes, bytesOut, client } = this.#stream;
    const policy = this.#policy;
    if (policy === undefined) return;
    this.#options.observe(requestServed({
      client,
      request,
      bodyBytes,
      bytesOut,
      exchange: this.exchange,
      began: this.#began,
      routed: this.#isRouted ? this.#routed : undefined,
      trusted: this.#identity.forwarding(policy).trusted ? policy.forwarded.trusted : undefined,
      traced: this.#options.traced === true,
      error,
    }));
  }

  /** What is answered here whatever the routes say. */
  #answerTo(request: RequestFacts): OwnAnswer | undefined {
    const { challenges, redirect } = this.#options;
    const token = challenges && tokenAnswer(request.path, challenges.current);
    if (token !== undefined) {
      const fields = [field("Content-Type", "application/octet-stream")];
      return { status: 200, fields, body: encodeLatin1(token) };
    }
    if (redirect === true) return redirectAnswer(request);
    return mayGoNoFurther(request) ? optionsAnswer(request) : undefined;
  }

  /** @throws {ProxyError} `misdirected` or `no_route` */
  #route(request: RequestFacts, policy: Policy): RoutedOrder {
    const { authority, path } = request;
    let routed = this.#routed;
    const sameHost = routed?.policy === policy && routed.authority === authority;
    if (routed === undefined || !sameHost || routed.path !== path) {
      const known = sameHost ? routed?.host : undefined;
      routed = this.#routed = this.#routeAnew({ authority, path }, policy, known);
    }
    this.#isRouted = true;
    return routed;
  }

  #routeAnew(
    { authority, path }: Pick<RequestFacts, "authority" | "path">,
    policy: Policy,
    known: string | undefined,
  ): RoutedOrder {
    const { defaultHost } = this.#identity;
    const host = known ?? (authority === undefined ? defaultHost : hostOfAuthority(authority));
    if (known === undefined) this.#checkHost(host, policy);
    const { router, timeouts: { tunnelIdle } } = policy;
    const route = router.route(host, path);
    if (route?.passthrough === true) {
      throw new ProxyError("misdirected", "TLS is the server's own under this host");
    }
    if (route === undefined) {
      throw new ProxyError("no_route", "No route matches this host and path");
    }
    return {
      policy,
      authority,
      path,
      host,
      name: router.nameAt(route.index),
      backend: route.target,
      forwarding: this.#identity.forwarding(policy),
      requestChanges: undefined,
      answerChanges: undefined,
      tunnelIdle,
    };
  }

  /** @throws {ProxyError} `misdirected` for a host that this connection was not made for */
  #checkHost(host: string | undefined, { certificates, clientAuth }: Policy): void {
    const { certificate, clientAuth: asked } = this.#identity.client;
    if (isMisdirected(host, certificate, certificates)) {
      throw new ProxyError("misdirected", "This connection was made for another host");
    }
    if (isUnderOtherAuth(host, asked, clientAuth)) {
      const why = "Other certificates of clients are asked for under this host";
      throw new ProxyError("misdirected", why);
    }
  }
}

/** Whether this is the last hop that a request may go, so that it is answered here. */
function mayGoNoFurther(request: RequestFacts): boolean {
  return request.method === "OPTIONS" && request.has(ROLE.maxForwards) &&
    hopsLeft(request.method, request.values("max-forwards")) === 0;
}

/** Where a request goes, and what that was decided by. */
interface RoutedOrder extends ExchangeOrder {
  readonly policy: Policy;
  readonly authority: string | undefined;
  readonly path: string;
  readonly host: string | undefined;
  /** The route's. */
  readonly name: string | undefined;
}
