import type { Backend } from "../upstream/backend.ts";

export interface Route {
  /** Lower-case names, `*.name` for one label more; empty matches every host. */
  readonly hosts: readonly string[];
  readonly backend: Backend;
}

/** Finds the backend for a name; the first route that matches has it. */
export class Router {
  readonly #routes: readonly Route[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes;
  }

  /** @param host the SNI or the Host without its port; undefined where there is none */
  route(host: string | undefined): Backend | undefined {
    return this.#routes.find(({ hosts }) => hosts.length === 0 || hosts.some(matches(host)))
      ?.backend;
  }
}

function matches(host: string | undefined): (pattern: string) => boolean {
  if (host === undefined) return () => false;
  const parent = host.slice(host.indexOf(".") + 1);
  return (pattern) => pattern === host || (host.includes(".") && pattern === `*.${parent}`);
}
