import type { LoadedConfig } from "./snapshot.ts";
import { certificateStore, routerOf } from "./snapshot.ts";
import { isMisdirected } from "../proxy/misdirected.ts";
import type { Selection } from "../certificates/certificate_store.ts";

/** A request, as far as certificates and routes depend on it. */
export interface RequestQuestion {
  readonly sni: string | undefined;
  /** Undefined in tcp mode. */
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly strictSni: boolean;
  /** Whether the engine knows which certificate a client was given. */
  readonly seesCertificate: boolean;
}

/** What would become of a request. */
export type Resolution =
  /** `strict_sni`: the handshake ends with unrecognized_name. */
  | { readonly kind: "refused_name" }
  | { readonly kind: "misdirected"; readonly certificate: Selection }
  | { readonly kind: "no_route"; readonly certificate: Selection }
  | {
    readonly kind: "route";
    readonly certificate: Selection;
    /** From 0. */
    readonly route: number;
    readonly backend: string;
  };

/** Decides as the data path does, by the same store, rule and router. */
export function resolveRequest(loaded: LoadedConfig, question: RequestQuestion): Resolution {
  const { sni, host, path, strictSni, seesCertificate } = question;
  const store = certificateStore(loaded);
  const certificate = store.select(sni);
  if (strictSni && sni !== undefined && certificate.match === "default") {
    return { kind: "refused_name" };
  }
  if (seesCertificate && isMisdirected(host, certificate.certificate, store)) {
    return { kind: "misdirected", certificate };
  }
  const found = routerOf(loaded.config).route(host ?? sni, path);
  if (found === undefined) return { kind: "no_route", certificate };
  return { kind: "route", certificate, route: found.index, backend: found.target };
}
