import type { RequestChanges, RequestFacts } from "../http/message.ts";
import { prefixInAll, stripPrefix } from "../http/strip_prefix.ts";
import type { Variables } from "../http/template.ts";
import type { RouteRules } from "./route_rules.ts";

/** What of a request its changes depend on, beside their rules. */
export interface ChangeTerms {
  readonly variables: Variables;
  /** Whether a proxy in front is believed, so that what it has taken off a path counts. */
  readonly trusted: boolean;
}

/**
 * What a server gets that differs from what the client has sent, by the rules of a route.
 *
 * @throws {ProxyError} `bad_host` where a rule makes no `Host` of the request
 */
export function requestChanges(
  { host: makeHost, requestFields, stripPrefix: prefix, login }: RouteRules,
  request: RequestFacts,
  { variables, trusted }: ChangeTerms,
): RequestChanges | undefined {
  const host = makeHost?.(variables);
  const fields = requestFields?.(variables);
  const path = prefix === undefined ? undefined : stripPrefix(request.path, prefix);
  // one object for all requests, where no value depends on them: it is known again by that
  if (path === undefined && host === undefined && login === undefined) return fields;
  const told = path === undefined || prefix === undefined ? [] : [
    {
      name: "X-Forwarded-Prefix",
      value: prefixInAll(trusted ? request.values("x-forwarded-prefix") : [], prefix),
    },
  ];
  const remove = [
    ...fields?.remove ?? [],
    // what it said was for the proxy, and has no one to be shown to behind it
    ...(login === undefined ? [] : ["authorization"]),
    ...told.map(({ name }) => name.toLowerCase()),
  ];
  // what a rule makes of that name stands for what would be told
  const isRuled = fields?.remove.has("x-forwarded-prefix") === true;
  const add = [...fields?.add ?? [], ...(isRuled ? [] : told)];
  return { remove: new Set(remove), add, path, host };
}
