import type { RouteConfig } from "../config/config.ts";
import type { ConditionFacts } from "../http/conditions.ts";
import type { LoadedConfig } from "./snapshot.ts";
import { certificateStore, routerOf } from "./snapshot.ts";
import { clientAuthRules } from "./trust.ts";
import { isMisdirected, isUnderOtherAuth } from "../proxy/misdirected.ts";
import type { Selection } from "../certificates/certificate_store.ts";

/** A request, as far as certificates and routes depend on it. */
export interface RequestQuestion {
  readonly sni: string | undefined;
  /** Undefined in tcp mode. */
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly strictSni: boolean;
  /** What conditions of routes look at; by default a GET without header fields. */
  readonly request?: ConditionFacts | undefined;
  /** Whether the engine knows which certificate a client was given. */
  readonly seesCertificate: boolean;
}

/** What would become of a request. */
export type Resolution =
  /** `strict_sni`: the handshake ends with unrecognized_name. */
  | { readonly kind: "refused_name" }
  /** TLS is the server's. */
  | { readonly kind: "passthrough"; readonly route: number; readonly found: RouteConfig }
  /** The Host is under another `client_auth` than the connection's name, or its TLS is a server's. */
  | { readonly kind: "other_policy"; readonly certificate: Selection; readonly reason: string }
  | { readonly kind: "misdirected"; readonly certificate: Selection }
  | { readonly kind: "no_route"; readonly certificate: Selection }
  | {
    readonly kind: "route";
    readonly certificate: Selection;
    /** From 0. */
    readonly route: number;
    readonly found: RouteConfig;
  };

const PLAIN_REQUEST: ConditionFacts = { method: "GET", values: () => [] };

/** Decides as the data path does, by the same store, rule and router. */
export function resolveRequest(loaded: LoadedConfig, question: RequestQuestion): Resolution {
  const { sni, host, path, strictSni, seesCertificate } = question;
  const router = routerOf(loaded.config);
  if (router.passes(sni)) {
    const found = router.route(sni, undefined);
    if (found !== undefined) {
      return { kind: "passthrough", route: found.index, found: found.target };
    }
  }
  const store = certificateStore(loaded);
  const certificate = store.select(sni);
  if (strictSni && sni !== undefined && certificate.match === "default") {
    return { kind: "refused_name" };
  }
  if (seesCertificate && isMisdirected(host, certificate.certificate, store)) {
    return { kind: "misdirected", certificate };
  }
  const rules = clientAuthRules(loaded);
  if (host !== undefined && isUnderOtherAuth(host, rules.ruleFor(sni)?.id, rules)) {
    const reason = "the host is under another client_auth than the connection's name";
    return { kind: "other_policy", certificate, reason };
  }
  const request = path === undefined ? undefined : question.request ?? PLAIN_REQUEST;
  const found = router.route(host ?? sni, path, request);
  if (found?.passthrough === true) {
    const reason = "TLS is the server's own under this host";
    return { kind: "other_policy", certificate, reason };
  }
  if (found === undefined) return { kind: "no_route", certificate };
  return { kind: "route", certificate, route: found.index, found: found.target };
}
