import type { RouteConfig } from "../config/config.ts";
import type { ConditionFacts } from "../http/conditions.ts";
import type { LoadedConfig } from "./snapshot.ts";
import { asAuthority } from "../core/authority.ts";
import { certificateStore, routerOf } from "./snapshot.ts";
import { clientAuthRules } from "./trust.ts";
import { isMisdirected, isUnderOtherAuth } from "../proxy/misdirected.ts";
import type { ClientAbilities, Selection } from "../certificates/certificate_store.ts";

/** A request, as far as certificates and routes depend on it. */
export interface RequestQuestion {
  readonly sni: string | undefined;
  /** Undefined in tcp mode. */
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly strictSni: boolean;
  /** What conditions of routes look at; by default a GET without header fields but Host. */
  readonly request?: ConditionFacts | undefined;
  /** What the client can verify; undefined where the engine does not look at it. */
  readonly client?: ClientAbilities | undefined;
  /** Whether the engine knows which certificate a client was given. */
  readonly seesCertificate: boolean;
}

/** What would become of a request that has come. */
export type RouteResolution =
  /** The Host is under another `client_auth` than the connection's name, or its TLS is a server's. */
  | { readonly kind: "other_policy"; readonly reason: string }
  | { readonly kind: "no_route" }
  | {
    readonly kind: "route";
    /** From 0. */
    readonly route: number;
    readonly found: RouteConfig;
  };

/** What would become of a request by TLS. */
export type Resolution =
  /** `strict_sni`: the handshake ends with unrecognized_name. */
  | { readonly kind: "refused_name" }
  /** TLS is the server's. */
  | { readonly kind: "passthrough"; readonly route: number; readonly found: RouteConfig }
  | { readonly kind: "misdirected"; readonly certificate: Selection }
  | RouteResolution & { readonly certificate: Selection };

/** A GET without header fields but the one that every request has. */
export function plainGet(authority: string | undefined): ConditionFacts {
  const hosts = authority === undefined ? [] : [authority];
  return { method: "GET", values: (name) => name === "host" ? hosts : [] };
}

/** Decides as the data path does, by the same store, rule and router. */
export function resolveRequest(loaded: LoadedConfig, question: RequestQuestion): Resolution {
  const { sni, host, strictSni, client, seesCertificate } = question;
  const router = routerOf(loaded.config);
  if (router.passes(sni)) {
    const found = router.route(sni, undefined);
    if (found !== undefined) {
      return { kind: "passthrough", route: found.index, found: found.target };
    }
  }
  const store = certificateStore(loaded);
  const certificate = store.select(sni, client);
  if (strictSni && sni !== undefined && certificate.match === "default") {
    return { kind: "refused_name" };
  }
  if (seesCertificate && isMisdirected(host, certificate.certificate, store)) {
    return { kind: "misdirected", certificate };
  }
  const proved = clientAuthRules(loaded).ruleFor(sni)?.id;
  return { ...resolveRoute(loaded, { ...question, host: host ?? sni, proved }), certificate };
}

/**
 * The same of a request that has come, also of one without TLS.
 *
 * @param proved what the client had to prove (`ClientAuth.id`); without TLS, nothing
 */
export function resolveRoute(
  loaded: LoadedConfig,
  { host, path, request, proved }: Pick<RequestQuestion, "host" | "path" | "request"> & {
    readonly proved: string | undefined;
  },
): RouteResolution {
  const rules = clientAuthRules(loaded);
  if (host !== undefined && isUnderOtherAuth(host, proved, rules)) {
    const reason = "the host is under another client_auth than the connection's name";
    return { kind: "other_policy", reason };
  }
  const facts = path === undefined ? undefined : request ?? plainGet(host && asAuthority(host));
  const found = routerOf(loaded.config).route(host, path, facts);
  if (found?.passthrough === true) {
    return { kind: "other_policy", reason: "TLS is the server's own under this host" };
  }
  if (found === undefined) return { kind: "no_route" };
  return { kind: "route", route: found.index, found: found.target };
}
