import { CONTENT_CODINGS } from "../http/accept_encoding.ts";
import type { RouteConfig } from "../config/config.ts";
import type { FieldRules } from "../http/field_rules.ts";

/** What a route asks and changes, in the order in which it acts, each as one line for a person. */
export function describeRules(route: RouteConfig): readonly string[] {
  const { deny, allow, rateLimit, basicAuth, stripPrefix, limits, redirect, respond } = route;
  const lines: (string | false | undefined)[] = [
    deny.length > 0 && `deny ${deny.join(", ")}: 403`,
    allow.length > 0 && `allow ${allow.join(", ")}: 403 for all others`,
    rateLimit && `rate_limit one in ${rateLimit.interval} ms, burst ${rateLimit.burst}: 429 beyond`,
    basicAuth && `basic_auth ${basicAuth.file}: 401 without`,
    redirect && `redirect ${redirect.status} to ${redirect.to}`,
    respond && `respond ${respond.status}, ${respond.file ?? respond.type}`,
    limits.body !== undefined && `limits.body ${limits.body === 0 ? "none" : limits.body}`,
    stripPrefix !== undefined && `strip_prefix ${stripPrefix}`,
    ...fieldLines("request_headers", route.requestHeaders),
    ...fieldLines("response_headers", route.responseHeaders),
    route.compress && `compress by ${CONTENT_CODINGS.join(", ")}`,
  ];
  return lines.filter((line) => typeof line === "string");
}

function fieldLines(key: string, { set, add, remove }: FieldRules): string[] {
  return [
    ...Object.entries(set).map(([name, value]) => `${key} set ${name}: ${value}`),
    ...Object.entries(add).map(([name, value]) => `${key} add ${name}: ${value}`),
    ...remove.map((name) => `${key} remove ${name}`),
  ];
}
