/** What has to match for a target to be meant. */
export interface Route<Target> {
  /** Lower-case names, `*.name` for one label more; empty matches every host. */
  readonly hosts: readonly string[];
  /** Path prefixes; empty matches every path. */
  readonly paths: readonly string[];
  readonly target: Target;
}

/** A route as one text, for logs and metrics: `api.example.com/v1`; `*` where it matches all. */
export function routeName({ hosts, paths }: Pick<Route<unknown>, "hosts" | "paths">): string {
  return `${hosts.join(",")}${paths.join(",")}` || "*";
}

/** Finds the target for a host and a path; the first route that matches has it. */
export class Router<Target> {
  readonly #routes: readonly Route<Target>[];
  readonly #names: readonly string[];

  constructor(routes: readonly Route<Target>[]) {
    this.#routes = routes;
    this.#names = routes.map(routeName);
  }

  /** The name of the route in a place, see `routeName`. */
  nameAt(index: number): string | undefined {
    return this.#names[index];
  }

  /**
   * @param host the SNI, or the Host without its port; undefined where there is none
   * @param path the request's path, maybe with a query; undefined in tcp mode
   * @returns the route's target and its place among the routes, from 0
   */
  route(
    host: string | undefined,
    path: string | undefined,
  ): { target: Target; index: number } | undefined {
    const parent = wildcardOf(host);
    for (let index = 0; index < this.#routes.length; index++) {
      const { hosts, paths, target } = this.#routes[index] as Route<Target>;
      const hostMatches = hosts.length === 0 ||
        hosts.some((pattern) => pattern === host || pattern === parent);
      const pathMatches = paths.length === 0 ||
        (path !== undefined && paths.some((prefix) => isUnder(path, prefix)));
      if (hostMatches && pathMatches) return { target, index };
    }
    return undefined;
  }
}

/** `*.example.com` for `api.example.com`; undefined where no wildcard can match. */
function wildcardOf(host: string | undefined): string | undefined {
  const dot = host?.indexOf(".") ?? -1;
  return host === undefined || dot <= 0 ? undefined : `*${host.slice(dot)}`;
}

/**
 * Whether a prefix covers a path, on segment borders: `/v1` covers `/v1`, `/v1/` and `/v1?q`, but
 * not `/v10`. Paths are compared as they are sent; percent-encoding is not undone, as the server
 * behind might undo it differently.
 */
function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  if (prefix.endsWith("/")) return true;
  const next = path[prefix.length];
  return next === undefined || next === "/" || next === "?";
}
