import type { RouteConfig } from "./config.ts";
import type { KeyPath } from "./key_path.ts";

/** What may hold variables, with its place in the route. */
export function templatesOf(route: RouteConfig): readonly (readonly [KeyPath, string])[] {
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
