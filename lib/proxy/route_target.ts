import type { OwnAnswer } from "../http/own_answer.ts";
import type { RedirectRule } from "../http/redirect_target.ts";
import type { Backend } from "../upstream/backend.ts";
import type { RouteRules } from "./route_rules.ts";

/** What becomes of the requests of a route. */
export interface RouteTarget {
  readonly action: RouteAction;
  /** Undefined where there is nothing to ask and nothing to change. */
  readonly rules: RouteRules | undefined;
  /** Bytes of a request's body; 0 for any. */
  readonly bodyLimit: number;
}

/** Who answers: a server of a backend, or the proxy itself. */
export type RouteAction =
  | { readonly kind: "backend"; readonly backend: Backend }
  | { readonly kind: "redirect"; readonly rule: RedirectRule }
  /** The proxy has the answer, whose `ETag` is its body's. */
  | { readonly kind: "respond"; readonly answer: OwnAnswer; readonly etag: string };
