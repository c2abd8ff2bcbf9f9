import type { Deadline, Deadlines } from "../io/deadlines.ts";
import { asProxyError, type ErrorCode, ProxyError } from "../core/errors.ts";
import { ipAddress } from "../core/host_name.ts";
import type { Live } from "../core/live.ts";
import { errorResponse, statusOf } from "../http1/error_response.ts";
import { dateField } from "../http/date.ts";
import { clientOf } from "../http/forwarded.ts";
import { hopsLeft } from "../http/max_forwards.ts";
import { optionsAnswer } from "../http/options_answer.ts";
import { bodilessResponse } from "../http1/own_response.ts";
import { field, valuesOf } from "../http/field.ts";
import { responseHeadText } from "../http1/head.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import { type PendingChallenges, tokenAnswer } from "../acme/challenges.ts";
import { redirectResponse } from "../http1/redirect_response.ts";
import { RequestDecoder } from "../http1/request_decoder.ts";
import { requestId } from "../http/request_id.ts";
import type { RequestTarget } from "../http/target.ts";
import { type ForwardedRequest, ForwardingDecoder } from "../http1/request_stream.ts";
import type { Observer } from "../core/event.ts";
import { clientCertFields } from "../http/client_cert.ts";
import type { Backend } from "../upstream/backend.ts";
import { ClientSide, type HttpConnection, timeout } from "./client_side.ts";
import { exchange, ExchangeError, type ExchangeResult, goesOn } from "./exchange.ts";
import { isMisdirected, isUnderOtherAuth } from "./misdirected.ts";
import type { Policy } from "./policy.ts";
import type { Session } from "./session.ts";

export interface HttpSessionOptions {
  readonly policy: Live<Policy>;
  readonly deadlines: Deadlines;
  readonly observe: Observer;
  /** Answers every request by sending the client to https, and asks no backend. */
  readonly redirect?: boolean;
  /** What a CA may ask for, ahead of routes and redirects; undefined where it asks nothing. */
  readonly challenges?: Live<PendingChallenges>;
  /** Whether the trace that a request belongs to is to be told. */
  readonly traced?: boolean;
}

/** Serves the HTTP/1.1 requests of one connection, one after another. */
export function serveHttp(client: HttpConnection, options: HttpSessionOptions): Session {
  const session = new HttpSession(client, options);
  return {
    done: session.run(),
    drain: () => session.drain(),
    abort: () => client.close(new ProxyError("draining", "The proxy is stopping")),
  };
}

/** How often it is asked whether a client has gone while a server works for it. */
const BREAK_WATCH_MS = 100;
/** Milliseconds without a request after which nothing is kept of the last one. */
const QUIET_MS = 500;
/** How long a client that is being refused may go on sending before the connection is cut. */
const LINGER_MS = 2_000;
/** How long the answer to a client that is not read from any more has for its way. */
const ARRIVE_MS = 1_000;

/** Failures that asking again may get around: no server has seen the request. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set([
  "no_server",
  "backend_unavailable",
  "overloaded",
  "connect_failed",
  "connect_timeout",
]);

class HttpSession {
  readonly #client: HttpConnection;
  readonly #options: HttpSessionOptions;
  readonly #decoder: RequestDecoder;
  readonly #side: ClientSide;
  readonly #forwarding: ForwardingDecoder;
  /** For what happens now and then while a request is served, or waited for. */
  readonly #lookDeadline: Deadline;
  /** Whether the peer is a proxy that is believed. */
  readonly #trusted: boolean;
  #served = 0;
  #idle = false;
  /** Milliseconds that the client has for what is waited for. */
  #waitMs = 0;
  /** Whether the client may be sending what nobody will read. */
  #unread = false;
  /** Where a request says none. */
  readonly #defaultHost: string;
  /** The last request that was routed, what it was routed by, and where it went. */
  #routed: Routed | undefined;

  constructor(client: HttpConnection, options: HttpSessionOptions) {
    this.#client = client;
    this.#options = options;
    this.#lookDeadline = options.deadlines.watch();
    const { limits, forwarded, timeouts: { header } } = options.policy.current;
    this.#decoder = new RequestDecoder(limits);
    this.#defaultHost = client.tls?.sni ?? client.local.host;
    const origin = {
      peer: client.peer.host,
      port: client.local.port,
      proto: client.tls === undefined ? "http" : "https",
      defaultHost: this.#defaultHost,
      trusted: forwarded.trusted.has(client.peer.host),
      clientCert: clientCertFields(client.clientCertificates ?? []),
      standard: forwarded.standard,
      via: forwarded.via,
    } as const;
    this.#trusted = origin.trusted;
    const onHeadBegun = () => this.#readWithin(header, this.#onHeaderLate);
    this.#forwarding = new ForwardingDecoder(this.#decoder, origin, onHeadBegun);
    this.#side = new ClientSide(client, this.#forwarding, options);
  }

  async run(): Promise<void> {
    const started = performance.now();
    const how = await this.#serveUntilEnd();
    this.#side[Symbol.dispose]();
    this.#lookDeadline[Symbol.dispose]();
    const { peer, bytes } = this.#client;
    this.#options.observe({
      kind: "connection_end",
      peer,
      bytesIn: bytes.read,
      bytesOut: bytes.written,
      durationMs: performance.now() - started,
      requests: this.#served,
      route: undefined,
      backend: undefined,
      server: undefined,
      waitMs: undefined,
      tls: this.#client.tls,
      how,
    });
  }

  get #draining(): boolean {
    return !this.#side.mayKeepAlive;
  }

  drain(): void {
    this.#side.mayKeepAlive = false;
    if (this.#idle && !this.#decoder.insideHead) {
      this.#client.failReads(new ProxyError("draining", "The proxy is stopping"));
    }
  }

  /** @returns how the connection ended */
  async #serveUntilEnd(): Promise<string> {
    try {
      await this.#serveAll();
      // every answer was flushed; who has gone meanwhile needs no goodbye
      this.#side.writing.start();
      await this.#side.answers.close().catch(() => {});
      this.#side.writing.stop();
      if (this.#unread) await this.#linger();
      this.#client.close();
      return "done";
    } catch (error) {
      const broken = asProxyError(error, "internal");
      this.#client.close(broken);
      return `${broken.code}: ${broken.message}`;
    }
  }

  /** Waits for requests and serves them: one function for all, as one for each costs more. */
  async #serveAll(): Promise<void> {
    const { requests } = this.#side;
    for (let goesOn = true; goesOn && (!this.#draining || this.#decoder.insideHead);) {
      let serving: Serving | undefined;
      try {
        this.#startWaiting();
        const request = requests.take() ?? await requests.next();
        this.#stopWaiting();
        if (request?.kind !== "head") return;
        serving = this.#begin(request);
        const token = this.#token(request);
        if (token !== undefined) {
          goesOn = await this.#answerToken(serving, token);
          continue;
        }
        if (this.#options.redirect === true) goesOn = await this.#redirect(serving);
        else if (mayGoNoFurther(request)) goesOn = await this.#answerOptions(serving);
        else {
          const backend = this.#route(serving);
          this.#watchForBreak();
          goesOn = this.#succeed(serving, await exchange(request, backend, this.#side));
        }
      } catch (error) {
        if (serving === undefined) return await this.#refuse(asProxyError(error, "internal"));
        goesOn = await this.#fail(serving, error);
      }
    }
  }

  #startWaiting(): void {
    const { keepAlive, header } = this.#options.policy.current.timeouts;
    if (this.#served === 0) this.#readWithin(header, this.#onHeaderLate);
    else this.#readWithin(keepAlive, this.#onKeepAliveLate);
    this.#idle = true;
    this.#lookDeadline.arm(QUIET_MS, this.#onQuiet);
    if (this.#side.requests.empty) this.#client.release?.();
  }

  /** The next request will pay for itself: until then the connection is to be small. */
  readonly #onQuiet = (): void => {
    this.#forwarding.forget();
    this.#routed = undefined;
  };

  #stopWaiting(): void {
    this.#idle = false;
    this.#side.readDeadline.disarm();
    this.#lookDeadline.disarm();
  }

  /** Answers bytes that are no request; where nobody waits for an answer, it just ends. */
  async #refuse(error: ProxyError): Promise<void> {
    this.#stopWaiting();
    if (error.code === "keep_alive_timeout" || error.code === "draining") return;
    if (error.code === "client_gone" && !this.#decoder.insideHead) return;
    const status = statusOf(error);
    if (status === undefined) throw error;
    this.#startProgress();
    const id = requestId([]);
    const head = this.#decoder.refused;
    const accept = valuesOf(head?.fields ?? [], "accept").join(",");
    const answer = errorResponse(error, { keepAlive: false, method: head?.method, id, accept });
    await this.#answerHere(answer);
    this.#log(undefined, { status, id, error, bytesOut: answer.length });
    this.#unread = true;
  }

  /**
   * A client that breaks off while its answer is awaited spares the server the work. It is looked
   * for only where the answer takes a while: to read ahead of every request would cost a system
   * call each.
   */
  readonly #watchForBreak = (): void => {
    this.#lookDeadline.arm(BREAK_WATCH_MS, this.#watchForBreak);
    if (this.#side.lease === undefined) return;
    const onBreak = (error: unknown) => this.#side.lease?.abort(asProxyError(error, "client_gone"));
    this.#side.requests.watch(() => {}, onBreak);
  };

  /** @throws {ProxyError} `misdirected` or `no_route` */
  #route(serving: Serving): Backend {
    const { request: { target } } = serving;
    const policy = this.#options.policy.current;
    let routed = this.#routed;
    const sameHost = routed?.policy === policy && routed.authority === target.authority;
    if (routed === undefined || !sameHost || routed.path !== target.path) {
      routed = this.#routed = this.#routeAnew(target, policy, sameHost ? routed?.host : undefined);
    }
    serving.routed = routed;
    return routed.backend;
  }

  #routeAnew(
    { authority, path }: RequestTarget,
    policy: Policy,
    known: string | undefined,
  ): Routed {
    const host = known ?? (authority === undefined ? this.#defaultHost : hostName(authority));
    const { certificates, clientAuth, router } = policy;
    const { certificate, clientAuth: asked } = this.#client;
    if (known === undefined && isMisdirected(host, certificate, certificates)) {
      throw new ProxyError("misdirected", "This connection was made for another host");
    }
    if (known === undefined && isUnderOtherAuth(host, asked, clientAuth)) {
      const why = "Other certificates of clients are asked for under this host";
      throw new ProxyError("misdirected", why);
    }
    const route = router.route(host, path);
    if (route?.passthrough === true) {
      throw new ProxyError("misdirected", "TLS is the server's own under this host");
    }
    if (route === undefined) {
      throw new ProxyError("no_route", "No route matches this host and path");
    }
    const name = router.nameAt(route.index);
    return { policy, authority, path, host, backend: route.target, name };
  }

  #begin(request: ForwardedRequest): Serving {
    this.#startProgress();
    return { request, writtenBefore: this.#client.bytes.written, routed: undefined };
  }

  #startProgress(): void {
    const { progress } = this.#side;
    progress.began = performance.now();
    progress.attempts = 0;
    progress.reused = false;
    progress.leased = 0;
    progress.answered = 0;
  }

  /** @returns whether the connection goes on */
  #succeed({ request, writtenBefore, routed }: Serving, result: ExchangeResult): boolean {
    this.#lookDeadline.disarm();
    this.#served++;
    const { status, server, bodyBytes } = result;
    const bytesOut = this.#client.bytes.written - writtenBefore;
    this.#log(request, { status, bytesOut, routed, server, bodyBytes });
    this.#unread = !result.requestRead || request.upgrade !== undefined;
    return result.keepAlive;
  }

  /** What a CA is to be told that asks for a pending token (RFC 8555, section 8.3). */
  #token({ target }: ForwardedRequest): string | undefined {
    const { challenges } = this.#options;
    return challenges && tokenAnswer(target.path, challenges.current);
  }

  async #answerToken({ request }: Serving, token: string): Promise<boolean> {
    const keepAlive = !mayBeUnread(request) && goesOn(request) && !this.#draining;
    const fields = [
      field("Content-Type", "application/octet-stream"),
      field("Content-Length", String(token.length)),
      dateField(Date.now()),
      ...(keepAlive ? [] : [field("Connection", "close")]),
    ];
    const head = { status: 200, reason: "OK", fields };
    const body = request.head.method === "HEAD" ? "" : token;
    const bytes = encodeLatin1(responseHeadText(head, fields) + body);
    await this.#answerHere(bytes);
    this.#served++;
    this.#unread = mayBeUnread(request);
    this.#log(request, { status: 200, bytesOut: bytes.length });
    return keepAlive;
  }

  async #redirect({ request }: Serving): Promise<boolean> {
    const keepAlive = !mayBeUnread(request) && goesOn(request) && !this.#draining;
    const { status, bytes } = redirectResponse(request, { keepAlive });
    await this.#answerHere(bytes);
    this.#served++;
    this.#unread = mayBeUnread(request);
    this.#log(request, { status, bytesOut: bytes.length });
    return keepAlive;
  }

  async #answerOptions({ request }: Serving): Promise<boolean> {
    const keepAlive = !mayBeUnread(request) && goesOn(request) && !this.#draining;
    const answer = optionsAnswer({ id: request.id, date: dateField(Date.now()) });
    const bytes = bodilessResponse(answer, { reason: "OK", keepAlive });
    await this.#answerHere(bytes);
    this.#served++;
    this.#unread = mayBeUnread(request);
    this.#log(request, { status: answer.status, bytesOut: bytes.length });
    return keepAlive;
  }

  /** Tells the client of a failure, or, behind an answer's head, lets it see a broken answer. */
  async #fail(serving: Serving, failure: unknown): Promise<boolean> {
    this.#lookDeadline.disarm();
    const { request, routed, writtenBefore } = serving;
    const { server, status: sent } = failure instanceof ExchangeError
      ? failure
      : { server: undefined, status: undefined };
    const error = failure instanceof ExchangeError
      ? failure.error
      : asProxyError(failure, "internal");
    const status = sent ?? statusOf(error);
    const keepAlive = !mayBeUnread(request) && goesOn(request) && !this.#draining &&
      error.source !== "client";
    if (sent === undefined && status !== undefined) {
      this.#served++;
      await this.#answerHere(errorResponse(error, {
        keepAlive,
        method: request.head.method,
        id: request.id,
        accept: valuesOf(request.head.fields, "accept").join(","),
        retryAfter: MAY_PASS.has(error.code) ? routed?.backend.retryAfter : undefined,
      }));
    }
    const bytesOut = this.#client.bytes.written - writtenBefore;
    this.#log(request, { routed, server, status: status ?? 0, error, bytesOut });
    if (sent !== undefined || status === undefined) throw error;
    this.#unread = mayBeUnread(request);
    return keepAlive;
  }

  async #answerHere(answer: Uint8Array): Promise<void> {
    this.#side.answers.push(answer);
    this.#side.writing.start();
    await this.#side.answers.flush();
    this.#side.writing.stop();
  }

  /**
   * Behind a half-close, drops what still comes, for a short while. To close at once with input
   * unread would send a reset, which can destroy the answer on its way (RFC 9112, section 9.6).
   */
  async #linger(): Promise<void> {
    this.#side.readDeadline.arm(LINGER_MS, () => this.#client.close());
    try {
      while (await this.#side.requests.next() !== undefined);
    } catch (error) {
      // the answer is out; how the client leaves does not matter
      if (!isTimeout(error)) return;
      await new Promise<void>((resolve) => this.#side.readDeadline.arm(ARRIVE_MS, resolve));
    }
  }

  #readWithin(ms: number, onLate: () => void): void {
    this.#waitMs = ms;
    this.#side.readDeadline.arm(ms, onLate);
  }

  readonly #onHeaderLate = (): void => this.#failReads("header_timeout");
  readonly #onKeepAliveLate = (): void => this.#failReads("keep_alive_timeout");

  #failReads(code: ErrorCode): void {
    this.#client.failReads(timeout(code, this.#waitMs));
  }

  /** The client behind the trusted proxies; undefined where the peer is the client. */
  #clientOf(request: ForwardedRequest | undefined): string | undefined {
    if (!this.#trusted || request === undefined) return undefined;
    const { peer } = this.#client;
    const chain = valuesOf(request.head.fields, "x-forwarded-for").join(",").split(",");
    const { trusted } = this.#options.policy.current.forwarded;
    return clientOf([...chain, peer.host], (address) => trusted.has(address));
  }

  #log(
    request: ForwardedRequest | undefined,
    served: {
      status: number;
      bytesOut: number;
      id?: string;
      routed?: Routed | undefined;
      server?: string | undefined;
      bodyBytes?: number;
      error?: ProxyError;
    },
  ): void {
    const { began, attempts, reused, leased, answered } = this.#side.progress;
    const { routed } = served;
    this.#options.observe({
      kind: "request",
      peer: this.#client.peer,
      id: request?.id ?? served.id,
      client: this.#clientOf(request),
      method: request?.head.method,
      target: request?.head.target,
      host: request?.target.authority,
      version: request === undefined ? undefined : VERSIONS[request.head.minor],
      status: served.status,
      bytesIn: (request?.size ?? 0) + (served.bodyBytes ?? 0) + this.#side.tunnelled,
      bytesOut: served.bytesOut,
      durationMs: performance.now() - began,
      route: routed?.name,
      backend: routed?.backend.name,
      server: served.server,
      attempts,
      reused,
      waitMs: leased === 0 ? undefined : leased - began,
      firstByteMs: answered === 0 ? undefined : answered - began,
      tls: this.#client.tls,
      traceparent: this.#options.traced === true && request !== undefined
        ? valuesOf(request.head.fields, "traceparent")[0]
        : undefined,
      error: served.error,
    });
  }
}

/** A request that is being served. */
interface Serving {
  readonly request: ForwardedRequest;
  /** Bytes that had gone to the client by then. */
  readonly writtenBefore: number;
  /** Once that is known. */
  routed: Routed | undefined;
}

/** Where a request was sent to. */
interface Routed {
  readonly policy: Policy;
  readonly authority: string | undefined;
  readonly path: string;
  readonly host: string | undefined;
  readonly backend: Backend;
  /** The route's. */
  readonly name: string | undefined;
}

/** By the minor version. */
const VERSIONS = ["HTTP/1.0", "HTTP/1.1"] as const;

/** Whether this is the last hop that the request may go, so that it is answered here. */
function mayGoNoFurther({ head: { method, fields } }: ForwardedRequest): boolean {
  return method === "OPTIONS" && hopsLeft(method, valuesOf(fields, "max-forwards")) === 0;
}

/** Whether something may follow a request's head that nobody reads where the request is refused. */
function mayBeUnread({ framing, upgrade }: ForwardedRequest): boolean {
  return framing.kind !== "none" || upgrade !== undefined;
}

/** Whether the client was given up, rather than gone. */
function isTimeout(error: unknown): boolean {
  return error instanceof ProxyError &&
    (error.code === "header_timeout" || error.code === "body_timeout");
}

/**
 * The host of an authority, as names are compared: lower case, no port, no trailing dot, no
 * brackets.
 */
function hostName(authority: string): string | undefined {
  if (authority.startsWith("[")) return ipAddress(authority.slice(1, authority.indexOf("]")));
  return authority.replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
}
