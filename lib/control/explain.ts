import type { Config, ListenerConfig, RouteConfig, TlsListenerConfig } from "../config/config.ts";
import { formatAddress } from "../core/address.ts";
import { normalizeHostName } from "../core/host_name.ts";
import { ProxyError } from "../core/errors.ts";
import { daysUntilExpiry } from "../certificates/certificate.ts";
import { HOST } from "../http/grammar.ts";
import { prefixInAll, stripPrefix } from "../http/strip_prefix.ts";
import { PathSet } from "../proxy/router.ts";
import { ownAnswerOf } from "./own_answers.ts";
import { describeRules } from "./describe_route.ts";
import { type BackendDescription, describeBackend } from "./describe_backend.ts";
import { clientAuthRules } from "./trust.ts";
import { describeTls } from "./describe_tls.ts";
import { plainGet, resolveRequest, resolveRoute } from "./resolve.ts";
import { browserAbilities } from "../tls/admission.ts";
import { engineOf, tlsPolicyOf } from "./listener_engine.ts";
import type { LoadedConfig } from "./snapshot.ts";

/** What would become of a request, and why: a value for programs, `explanationLines` for people. */
export interface Explanation {
  readonly url: string;
  readonly listener: ExplainedListener;
  /** What is asked of TLS beyond the defaults, in words. */
  readonly tls?: readonly string[];
  readonly engine?: { readonly name: string; readonly reason: string };
  readonly certificate?: {
    readonly file: string;
    readonly match: "exact" | "wildcard" | "default";
    readonly names: readonly string[];
    readonly expiresInDays: number;
    /** Whether a CA has yet to give it: until then the handshake is refused. */
    readonly missing?: true;
  };
  /** What the client has to show, where something is asked of it. */
  readonly clientAuth?: { readonly mode: "require" | "optional"; readonly ca: string };
  /** Whether the connection goes on to the backend with its TLS as it is. */
  readonly passthrough?: boolean;
  readonly route?: {
    /** Counted from 1. */
    readonly number: number;
    readonly hosts: readonly string[];
    readonly paths: readonly string[];
    readonly methods?: readonly string[];
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** What the route asks and changes, in the order in which it acts. */
  readonly rules?: readonly string[];
  readonly backend?: BackendDescription & { readonly name: string };
  /** Fields the backend gets beyond the client's. */
  readonly addedHeaders?: Readonly<Record<string, string>>;
  /** What the proxy itself answers, where no backend does. */
  readonly answer?: { readonly status: number | undefined; readonly reason: string };
}

/** The listener that a request would come to. */
export interface ExplainedListener {
  readonly address: string;
  readonly mode: string;
  /** Whose connections begin with a PROXY header, where some have to. */
  readonly proxyProtocolFrom?: readonly string[];
}

/** A request as a user names it. */
export interface ExplainQuestion {
  readonly url: string;
  /** The name in the handshake, where it is another than the URL's. */
  readonly sni: string | undefined;
  readonly now: Date;
}

/** @throws {ProxyError} `bad_config` where the URL is none that this configuration serves */
export function explainRequest(loaded: LoadedConfig, question: ExplainQuestion): Explanation {
  const url = parseUrl(question.url);
  const listener = listenerFor(url, loaded.config);
  if (listener.kind === "plain" || isExcepted(listener, url)) {
    return explainPlain(loaded, { url, listener });
  }
  if (listener.kind === "redirect") {
    return {
      url: url.href,
      listener: explainedListener(listener, "redirect"),
      answer: {
        status: 308,
        reason: `Location: https://${url.hostname}${targetOf(url)}`,
      },
    };
  }
  return explainTls(loaded, { url, listener, question });
}

/** By the same routes, without TLS. */
function explainPlain(
  loaded: LoadedConfig,
  { url, listener }: { url: URL; listener: ListenerConfig },
): Explanation {
  const [host, path] = [hostOf(url), targetOf(url)];
  const common = { url: url.href, listener: explainedListener(listener, "http") };
  const found = resolveRoute(loaded, {
    ...{ host: normalizeHostName(host) ?? host, path, proved: undefined },
    request: plainGet(url.host),
  });
  switch (found.kind) {
    case "other_policy":
      return { ...common, answer: { status: 421, reason: found.reason } };
    case "no_route":
      return { ...common, answer: { status: 404, reason: "no route matches" } };
    case "route":
      return {
        ...common,
        ...routed(loaded.config, found),
        ...ruled(found.found, { url, sni: undefined }),
        ...added(found.found, { loaded, url, listener }),
      };
  }
}

/** Whether a path goes by the routes though its listener redirects. */
function isExcepted(listener: ListenerConfig, url: URL): boolean {
  return listener.kind === "redirect" && new PathSet(listener.except).covers(targetOf(url));
}

function explainTls(
  loaded: LoadedConfig,
  { url, listener, question }: { url: URL; listener: TlsListenerConfig; question: ExplainQuestion },
): Explanation {
  const host = hostOf(url);
  const tcp = listener.mode === "tcp";
  const engine = engineOf(listener, loaded.config);
  const knows = engine.engine === "openssl";
  const sni = question.sni ?? normalizeHostName(host);
  const tls = describeTls(listener);
  const found = resolveRequest(loaded, {
    sni,
    host: tcp ? undefined : host,
    path: tcp ? undefined : targetOf(url),
    request: plainGet(url.host),
    strictSni: listener.tls.strictSni,
    client: knows ? browserAbilities(tlsPolicyOf(listener)) : undefined,
    seesCertificate: knows || loaded.certificates.length === 1,
  });
  const common = {
    url: url.href,
    listener: explainedListener(listener, listener.mode),
    ...(tls.length === 0 ? {} : { tls }),
    engine: { name: engine.engine, reason: engine.reason },
  };
  if (found.kind === "passthrough") {
    return { ...common, passthrough: true, ...routed(loaded.config, found) };
  }
  if (found.kind === "refused_name") {
    const reason = "strict_sni: no certificate covers the name, the handshake is refused";
    return { ...common, answer: { status: undefined, reason } };
  }
  const { certificate: { certificate, match } } = found;
  const asked = clientAuthRules(loaded).ruleFor(sni);
  const entry = loaded.config.clientAuth.find((entry) => JSON.stringify(entry) === asked?.id);
  const withCertificate = {
    ...common,
    ...(entry === undefined ? {} : { clientAuth: { mode: entry.mode, ca: entry.ca } }),
    certificate: {
      file: certificate.label,
      match,
      names: certificate.names,
      expiresInDays: Math.floor(daysUntilExpiry(certificate, question.now)),
      ...(certificate.placeholder === true ? { missing: true } as const : {}),
    },
  };
  switch (found.kind) {
    case "other_policy":
      return { ...withCertificate, answer: { status: 421, reason: found.reason } };
    case "misdirected": {
      const reason = "the host is covered by another certificate than this connection's";
      return { ...withCertificate, answer: { status: 421, reason } };
    }
    case "no_route": {
      const answer = tcp
        ? { status: undefined, reason: "no route matches, the connection is closed" }
        : { status: 404, reason: "no route matches" };
      return { ...withCertificate, answer };
    }
    case "route":
      return {
        ...withCertificate,
        ...routed(loaded.config, found),
        ...(tcp ? unanswered(found.found) : {
          ...ruled(found.found, { url, sni: knows ? sni : undefined }),
          ...added(found.found, { loaded, url, listener, clientAuth: entry?.mode }),
        }),
      };
  }
}

function explainedListener(
  { listen, proxyProtocol }: ListenerConfig,
  mode: string,
): ExplainedListener {
  const address = formatAddress(listen);
  if (proxyProtocol === undefined) return { address, mode };
  return { address, mode, proxyProtocolFrom: proxyProtocol.from };
}

function routed(config: Config, { route, found }: { route: number; found: RouteConfig }) {
  const { hosts, paths, backend: name, conditions: { methods, headers } } = found;
  const backend = name === undefined ? undefined : config.backends.get(name);
  const conditions = { ...(methods.length > 0 ? { methods } : {}), ...headersOf(headers) };
  return {
    route: { number: route + 1, hosts, paths, ...conditions },
    ...(backend === undefined || name === undefined
      ? {}
      : { backend: { name, ...describeBackend(backend) } }),
  };
}

/** What a route does with requests. */
function ruled(found: RouteConfig, { url, sni }: { url: URL; sni: string | undefined }) {
  const rules = describeRules(found);
  const own = ownAnswerOf(found, { host: hostOf(url), path: targetOf(url), sni });
  return {
    ...(rules.length === 0 ? {} : { rules }),
    ...(own === undefined ? {} : {
      answer: {
        status: own.status,
        reason: own.location === undefined ? "the route responds" : `Location: ${own.location}`,
      },
    }),
  };
}

/** In tcp mode a route has nothing to do but to lead to a backend. */
function unanswered({ backend }: RouteConfig) {
  if (backend !== undefined) return {};
  const reason = "the route is for HTTP, the connection is closed";
  return { answer: { status: undefined, reason } };
}

function headersOf(headers: Readonly<Record<string, string>>) {
  return Object.keys(headers).length > 0 ? { headers } : {};
}

/** What decides on the fields that a backend gets beyond the client's. */
interface Origin {
  readonly loaded: LoadedConfig;
  readonly url: URL;
  readonly listener: ListenerConfig;
  /** Whether the client shows a certificate; undefined where it is not asked for one. */
  readonly clientAuth?: "require" | "optional" | undefined;
}

/** What a backend gets beyond what the client sends, where there is one. */
function added(found: RouteConfig, origin: Origin) {
  return found.backend === undefined ? {} : { addedHeaders: addedHeaders(found, origin) };
}

function addedHeaders(
  { stripPrefix: prefix }: RouteConfig,
  { loaded: { config }, url, listener: { kind, listen }, clientAuth }: Origin,
): Record<string, string> {
  const { standard, via } = config.forwarded;
  const strips = prefix !== undefined && stripPrefix(url.pathname, prefix) !== undefined;
  const shown = clientAuth === "optional" ? ", where it shows one" : "";
  return {
    "X-Forwarded-For": "the client's address",
    "X-Forwarded-Proto": kind === "tls" ? "https" : "http",
    "X-Forwarded-Host": url.host,
    "X-Forwarded-Port": String(listen.port),
    ...(strips ? { "X-Forwarded-Prefix": prefixInAll([], prefix) } : {}),
    ...(standard ? { Forwarded: "address, host and scheme (RFC 7239)" } : {}),
    ...(via ? { Via: "this proxy, and the client's version of HTTP" } : {}),
    ...(clientAuth === undefined ? {} : { "Client-Cert": `the client's certificate${shown}` }),
  };
}

function parseUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  // a path alone would have its first part for a host
  if (url === undefined || !/^https?:$/.test(url.protocol) || /^\/(?!\/)/.test(text)) {
    throw new ProxyError(
      "bad_config",
      `"${text}" is not a URL; write https://api.example.com/path`,
    );
  }
  if (!HOST.test(url.host)) {
    throw new ProxyError("bad_config", `"${url.host}" is no host: a request with it is a 400`);
  }
  return url;
}

/** Path and query as they are sent; `search` would leave an empty query out. */
function targetOf({ href, pathname }: URL): string {
  const [sent = ""] = href.split("#");
  const query = sent.indexOf("?");
  return query < 0 ? pathname : pathname + sent.slice(query);
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/** By the port that the URL means, else, where it names none, the first of its kind. */
function listenerFor(url: URL, { listeners }: Config): ListenerConfig {
  const secure = url.protocol === "https:";
  const candidates = listeners.filter(({ kind }) => (kind === "tls") === secure);
  const port = url.port === "" ? secure ? 443 : 80 : Number(url.port);
  const listener = candidates.find(({ listen }) => listen.port === port) ??
    (url.port === "" ? candidates[0] : undefined);
  if (listener === undefined) {
    const where = url.port === "" ? url.protocol.slice(0, -1) : `port ${url.port}`;
    throw new ProxyError("bad_config", `No listener of this configuration serves ${where}`);
  }
  return listener;
}
