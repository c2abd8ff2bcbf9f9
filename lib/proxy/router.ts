import {
  type ConditionFacts,
  type Conditions,
  isUnconditional,
  meets,
} from "../http/conditions.ts";
import { pathReadings } from "../http/path_readings.ts";
import { stripPrefix, withOneSlashBehind } from "../http/strip_prefix.ts";

/** What has to match for a target to be meant. */
export interface Route<Target> {
  /** Lower-case names, `*.name` for one label more; empty matches every host. */
  readonly hosts: readonly string[];
  /** Path prefixes; empty matches every path. */
  readonly paths: readonly string[];
  /** What else a request has to be; nothing where it is absent. */
  readonly conditions?: Conditions | undefined;
  readonly target: Target;
  /** What its server does not get of paths. */
  readonly stripPrefix?: string | undefined;
  /** Whether connections for its hosts go on with their TLS as it is. */
  readonly passthrough?: boolean;
  /** Whether it keeps requests off: no other spelling of a path is to get past it. */
  readonly isGuard?: boolean;
}

/** A route that was found. */
export interface FoundRoute<Target> {
  readonly target: Target;
  /** Its place among the routes, from 0. */
  readonly index: number;
  readonly passthrough: boolean;
}

/** A route as one text, for logs and metrics: `api.example.com/v1`; `*` where it matches all. */
export function routeName({ hosts, paths }: Pick<Route<unknown>, "hosts" | "paths">): string {
  return `${hosts.join(",")}${paths.join(",")}` || "*";
}

/**
 * Finds the target for a host and a path; the first route that matches has it. Routes are found by
 * their hosts: what many names cost is memory, not time.
 */
export class Router<Target> {
  /** Whether a target may depend on more than host and path. */
  readonly conditional: boolean;
  readonly #routes: readonly Route<Target>[];
  readonly #hasGuards: boolean;
  readonly #names: readonly string[];
  /** Places of routes by the host or wildcard that they name, in order. */
  readonly #byHost = new Map<string, number[]>();
  /** Places of those that match every host, in order. */
  readonly #everyHost: number[] = [];
  /** Places of all routes that may be for a host, once it was asked for. */
  readonly #merged = new Map<string, readonly number[]>();

  constructor(routes: readonly Route<Target>[]) {
    this.#routes = routes;
    this.#hasGuards = routes.some(({ isGuard }) => isGuard === true);
    this.#names = routes.map(routeName);
    this.conditional = routes.some(({ conditions }) =>
      conditions !== undefined && !isUnconditional(conditions)
    );
    for (const [index, { hosts }] of routes.entries()) {
      if (hosts.length === 0) this.#everyHost.push(index);
      for (const host of new Set(hosts)) {
        const places = this.#byHost.get(host);
        if (places === undefined) this.#byHost.set(host, [index]);
        else places.push(index);
      }
    }
  }

  /** The name of the route in a place, see `routeName`. */
  nameAt(index: number): string | undefined {
    return this.#names[index];
  }

  /**
   * Where a prefix is taken off the path, slashes in a row behind it are one to the server. A path
   * that another route would have without them has none: it would get past what that one asks for.
   * One that a server may take for a path of a route that keeps requests off is that one's,
   * or nobody's where that route could not take its prefix off, or it may be read in too many ways.
   *
   * @param host the SNI, or the Host without its port; undefined where there is none
   * @param path the request's path, maybe with a query; undefined in tcp mode
   * @param request what conditions look at; undefined in tcp mode, where none is met
   */
  route(
    host: string | undefined,
    path: string | undefined,
    request?: ConditionFacts,
  ): FoundRoute<Target> | undefined {
    const found = this.#find(host, path, request);
    if (found === undefined || path === undefined) return found;
    const { stripPrefix: prefix } = this.#routes[found.index] as Route<Target>;
    const plain = prefix === undefined ? path : withOneSlashBehind(path, prefix);
    const isMeant = plain === path || this.#find(host, plain, request)?.index === found.index;
    if (!isMeant) return undefined;
    if (!this.#hasGuards) return found;
    const readings = pathReadings(path);
    if (readings === undefined) return undefined;
    const guards = readings
      .map((reading) => this.#find(host, reading, request))
      .filter((meant) =>
        meant !== undefined && meant.index !== found.index && this.#isGuard(meant)
      );
    return guards.length === 0 ? found : this.#onlyGuard(guards, found, path);
  }

  /** Who gets past one of several has not got past the others: only where there is one it is that. */
  #onlyGuard(
    [guard, ...more]: readonly (FoundRoute<Target> | undefined)[],
    found: FoundRoute<Target>,
    path: string,
  ): FoundRoute<Target> | undefined {
    if (guard === undefined || this.#isGuard(found)) return undefined;
    const isOnly = more.every((other) => other?.index === guard.index);
    const prefix = this.#routes[guard.index]?.stripPrefix;
    const canStrip = prefix === undefined || stripPrefix(path, prefix) !== undefined;
    return isOnly && canStrip ? guard : undefined;
  }

  #isGuard({ index }: FoundRoute<Target>): boolean {
    return this.#routes[index]?.isGuard === true;
  }

  #find(
    host: string | undefined,
    path: string | undefined,
    request: ConditionFacts | undefined,
  ): FoundRoute<Target> | undefined {
    for (const index of this.#candidates(host)) {
      const { paths, conditions, target, passthrough = false } = this.#routes[index] as Route<
        Target
      >;
      const pathMatches = paths.length === 0 ||
        (path !== undefined && isUnderAny(path, paths));
      if (pathMatches && isMet(conditions, request)) return { target, index, passthrough };
    }
    return undefined;
  }

  /**
   * Whether a connection for a name goes on with its TLS as it is: the first route for the name
   * says so, be it for all paths or for some.
   */
  passes(sni: string | undefined): boolean {
    const [first] = this.#candidates(sni);
    return first !== undefined && (this.#routes[first]?.passthrough ?? false);
  }

  /**
   * Of the hosts and paths of a route, whether each is taken by an earlier route whatever the
   * request: then it never matches.
   *
   * @returns the place of one that takes them; undefined where it may match
   */
  shadowOf(index: number): number | undefined {
    const { hosts, paths } = this.#routes[index] as Route<Target>;
    let shadow: number | undefined;
    for (const host of hosts.length === 0 ? [undefined] : hosts) {
      for (const path of paths.length === 0 ? [undefined] : paths) {
        shadow = this.#takerOf(host, path, index);
        if (shadow === undefined) return undefined;
      }
    }
    return shadow;
  }

  #takerOf(
    host: string | undefined,
    path: string | undefined,
    before: number,
  ): number | undefined {
    for (const index of this.#candidates(host)) {
      if (index >= before) return undefined;
      const { paths, conditions } = this.#routes[index] as Route<Target>;
      const coversPath = paths.length === 0 ||
        (path !== undefined && isUnderAny(path, paths));
      if (coversPath && (conditions === undefined || isUnconditional(conditions))) return index;
    }
    return undefined;
  }

  /** Places of the routes for a host, or for a wildcard itself, in order. */
  #candidates(host: string | undefined): readonly number[] {
    if (host === undefined) return this.#everyHost;
    const wildcard = wildcardOf(host);
    // what strangers ask for is found under what the configuration names: so nothing grows
    const key = this.#byHost.has(host) ? host : wildcard;
    if (key === undefined || !this.#byHost.has(key)) return this.#everyHost;
    let places = this.#merged.get(key);
    if (places === undefined) {
      const above = key === host && wildcard !== undefined ? this.#byHost.get(wildcard) ?? [] : [];
      const all = [...this.#byHost.get(key) ?? [], ...above, ...this.#everyHost];
      places = [...new Set(all)].sort((a, b) => a - b);
      this.#merged.set(key, places);
    }
    return places;
  }
}

/** Paths below some prefixes. */
export class PathSet {
  readonly #prefixes: readonly string[];
  /** The same, and what servers may take them for. */
  readonly #read: readonly string[];

  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes;
    this.#read = [...prefixes, ...prefixes.flatMap((prefix) => pathReadings(prefix) ?? [])];
  }

  /**
   * Whether a path is below one of them, whatever a server may take it for.
   *
   * @param path maybe with a query
   */
  covers(path: string): boolean {
    return isUnderAny(path, this.#prefixes) &&
      pathReadings(path)?.every((reading) => isUnderAny(reading, this.#read)) === true;
  }
}

function isUnderAny(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => isUnder(path, prefix));
}

function isMet(conditions: Conditions | undefined, request: ConditionFacts | undefined): boolean {
  if (conditions === undefined || isUnconditional(conditions)) return true;
  return request !== undefined && meets(request, conditions);
}

/** `*.example.com` for `api.example.com`; undefined where no wildcard can match. */
function wildcardOf(host: string | undefined): string | undefined {
  const dot = host?.indexOf(".") ?? -1;
  return host === undefined || dot <= 0 ? undefined : `*${host.slice(dot)}`;
}

/**
 * Whether a prefix covers a path, on segment borders: `/v1` covers `/v1`, `/v1/` and `/v1?q`, but
 * not `/v10`, and `/v1/` the same. A second slash behind the first is more than a border: `//` does
 * not cover `/`. Paths are compared as they are sent; percent-encoding is not undone, as the server
 * behind might undo it differently.
 */
function isUnder(path: string, prefix: string): boolean {
  let end = prefix.length;
  if (prefix.endsWith("/")) {
    if (path.startsWith(prefix)) return true;
    if (prefix.endsWith("//")) return false;
    end--;
  }
  if (!path.startsWith(end === prefix.length ? prefix : prefix.slice(0, end))) return false;
  const next = path[end];
  return next === undefined || next === "/" || next === "?";
}
