import type { Observer } from "../core/event.ts";
import { putLast } from "../core/put_last.ts";
import { serverKey } from "../core/server_name.ts";
import type { ServerStatus } from "../metrics/status.ts";
import type { ServerView } from "../upstream/server_registry.ts";

interface Seen {
  state: ServerStatus["state"];
  since: string | undefined;
}

/** Servers of which it is remembered that they have failed: those behind names come and go. */
export const KEPT_SERVERS = 10_000;

/** Remembers what real requests met at servers, and since when each is as it is. */
export class ServerWatch {
  /** By backend and name; only servers that failed are in it, the one that failed last at its end. */
  readonly #failures = new Map<string, { readonly time: string; readonly reason: string }>();
  /** Those that have failed, and served nothing since. */
  readonly #failing = new Set<string>();
  #seen = new Map<string, Seen>();

  readonly observe: Observer = (event) => {
    switch (event.kind) {
      case "server_failed": {
        const key = serverKey(event);
        const { code, message: reason } = event.error;
        const failure = { time: new Date().toISOString(), reason };
        if (code === "connect_failed" || code === "connect_timeout") this.#failing.add(key);
        const forgotten = putLast(this.#failures, [key, failure], KEPT_SERVERS);
        if (forgotten !== undefined) this.#failing.delete(forgotten);
        return;
      }
      case "server_reached":
        return void this.#failing.delete(serverKey(event));
      case "request":
      case "connection_end":
        if (this.#failing.size === 0 || event.server === undefined) return;
        if (event.kind === "request" && event.error !== undefined) return;
        this.#failing.delete(serverKey({ backend: event.backend ?? "", server: event.server }));
    }
  };

  /** The servers as they are now; who has gone is forgotten. */
  look(views: readonly ServerView[], now: Date): readonly (ServerStatus & { backend: string })[] {
    const seen = new Map<string, Seen>();
    const all = views.map(({ backend, name, state: known, drains, load, idleConnections }) => {
      const key = serverKey({ backend, server: name });
      // where nothing checks a server, requests tell
      const untold = known === "pending" || known === "unchecked";
      const state = drains ? "draining" : untold && this.#failing.has(key) ? "down" : known;
      const before = this.#seen.get(key);
      const changed = before !== undefined && before.state !== state;
      const since = changed ? now.toISOString() : before?.since;
      seen.set(key, { state, since });
      const lastFailure = this.#failures.get(key);
      return { backend, name, state, since, lastFailure, load, idleConnections };
    });
    this.#seen = seen;
    for (const key of this.#failures.keys()) {
      if (seen.has(key)) continue;
      this.#failures.delete(key);
      this.#failing.delete(key);
    }
    return all;
  }
}
