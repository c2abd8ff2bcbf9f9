import { createHash } from "node:crypto";
import type { Config, RouteConfig } from "../config/config.ts";
import { AddressSet } from "../core/address_set.ts";
import { ProxyError } from "../core/errors.ts";
import { parseHtpasswd } from "../http/basic_auth.ts";
import { isUnconditional } from "../http/conditions.ts";
import { field } from "../http/field.ts";
import { fieldChanger, splitHost } from "../http/field_rules.ts";
import { parseTemplate } from "../http/template.ts";
import type { RouteRules } from "../proxy/route_rules.ts";
import type { RouteAction, RouteTarget } from "../proxy/route_target.ts";
import { type Route, routeName } from "../proxy/router.ts";
import type { Backend } from "../upstream/backend.ts";
import type { Contents } from "./content_files.ts";

/**
 * The routes of a configuration as the data path goes by them.
 *
 * @throws {ProxyError} `bad_config` where one leads to no backend
 */
export function routesOf(
  config: Config,
  { backends, contents }: { backends: ReadonlyMap<string, Backend>; contents: Contents },
): readonly Route<RouteTarget>[] {
  return config.routes.map((route) => {
    const { hosts, paths, conditions, passthrough, stripPrefix } = route;
    const target = {
      action: actionOf(route, { backends, contents }),
      rules: rulesOf(route, contents),
      bodyLimit: route.limits.body ?? config.limits.body,
    };
    const isGuard = keepsOff(route);
    return { hosts, paths, conditions, passthrough, stripPrefix, isGuard, target };
  });
}

/** The largest body that any request may have; 0 where there is no limit to some. */
export function largestBody({ routes, limits }: Config): number {
  const all = [limits.body, ...routes.flatMap(({ limits: { body } }) => body ?? [])];
  return all.includes(0) ? 0 : Math.max(...all);
}

/** Whether a route keeps requests off, some or all of them. */
export function keepsOff(route: RouteConfig): boolean {
  return asks(route) || (route.respond?.status ?? 0) >= 400;
}

/** Whether a route asks something of requests, or changes them or their answers. */
function hasRules(route: RouteConfig): boolean {
  const { requestHeaders, responseHeaders, stripPrefix, compress } = route;
  const changes = [requestHeaders, responseHeaders].some(({ set, add, remove }) =>
    Object.keys(set).length + Object.keys(add).length + remove.length > 0
  );
  return changes || asks(route) || stripPrefix !== undefined || compress;
}

function asks({ allow, deny, rateLimit, basicAuth }: RouteConfig): boolean {
  return allow.length + deny.length > 0 || rateLimit !== undefined || basicAuth !== undefined;
}

function rulesOf(route: RouteConfig, contents: Contents): RouteRules | undefined {
  if (!hasRules(route)) return undefined;
  const { allow, deny, rateLimit, basicAuth } = route;
  const { host, rest } = splitHost(route.requestHeaders);
  return {
    deny: deny.length === 0 ? undefined : new AddressSet(deny),
    allow: allow.length === 0 ? undefined : new AddressSet(allow),
    rate: rateLimit && { name: rateName(route), rate: rateLimit },
    login: basicAuth && {
      hashes: parseHtpasswd(textOf(contents, basicAuth.file), basicAuth.file),
      realm: basicAuth.realm,
    },
    stripPrefix: route.stripPrefix,
    host,
    requestFields: fieldChanger(rest),
    answerFields: fieldChanger(route.responseHeaders),
    compress: route.compress,
  };
}

/**
 * What requests are counted under, over reloads and for all replicas: the same for the same route,
 * whatever its place.
 */
function rateName(route: RouteConfig): string {
  const { rateLimit, conditions } = route;
  const asked = isUnconditional(conditions) ? [] : [conditions];
  return JSON.stringify([routeName(route), rateLimit, ...asked]);
}

function actionOf(
  { backend, redirect, respond }: RouteConfig,
  { backends, contents }: { backends: ReadonlyMap<string, Backend>; contents: Contents },
): RouteAction {
  if (redirect !== undefined) {
    return { kind: "redirect", rule: { to: parseTemplate(redirect.to), status: redirect.status } };
  }
  if (respond !== undefined) {
    const { status, type, body, file } = respond;
    const content = file === undefined
      ? new TextEncoder().encode(body)
      : contents.get(file) ?? new Uint8Array(0);
    const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
    const fields = content.length === 0 && body === "" && file === undefined
      ? []
      : [field("Content-Type", type), field("ETag", etag)];
    return { kind: "respond", answer: { status, fields, body: content }, etag };
  }
  const found = backend === undefined ? undefined : backends.get(backend);
  if (found === undefined) throw new ProxyError("bad_config", `There is no backend "${backend}"`);
  return { kind: "backend", backend: found };
}

function textOf(contents: Contents, path: string): string {
  return new TextDecoder().decode(contents.get(path));
}
