import { type Finding, warning } from "./finding.ts";
import type { KeyPath } from "./key_path.ts";
import type { Config, RouteConfig } from "./config.ts";

/**
 * What stands for a fact of the request in nginx (`$remote_addr`) or HAProxy (`%[src]`), and here for
 * nothing: a server would get it as it is, in the place of the client's address.
 */
export function verifyVariables({ routes }: Config): Finding[] {
  return routes.flatMap((route, index) =>
    templatesOf(route).flatMap(([path, value]): Finding[] => {
      const [foreign] = /\$[a-z]\w*|%\[[^\]]*\]/.exec(value) ?? [];
      if (foreign === undefined) return [];
      const message =
        `"${foreign}" is sent as it stands: here variables are in braces, as {client}`;
      return [warning(["routes", index, ...path], message)];
    })
  );
}

/** What may hold variables, with its place in the route. */
function templatesOf(route: RouteConfig): readonly (readonly [KeyPath, string])[] {
  const sides = { request_headers: route.requestHeaders, response_headers: route.responseHeaders };
  return [
    ...(route.redirect === undefined ? [] : [[["redirect", "to"], route.redirect.to] as const]),
    ...Object.entries(sides).flatMap(([side, { set, add }]) =>
      Object.entries({ set, add }).flatMap(([kind, fields]) =>
        Object.entries(fields).map(([name, value]) => [[side, kind, name], value] as const)
      )
    ),
  ];
}
