import assert from "node:assert/strict";
import type { ProxyEvent } from "../core/event.ts";
import type { TcpEndpoint } from "../core/endpoint.ts";
import type { Server } from "./server.ts";
import { MAX_ADDRESSES, ServerGroup } from "./server_group.ts";

/** Nothing but its address is asked for. */
function serverAt({ host }: TcpEndpoint): Server {
  const nothing = () => {};
  return { name: host, start: nothing, remove: nothing, close: nothing } as unknown as Server;
}

/** So many, the last first. */
function addressesOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const at = count - 1 - i;
    return `10.0.${at >> 8}.${at & 255}`;
  });
}

Deno.test("ServerGroup has a bounded number of servers, the same for all who look, and says so once", async () => {
  const answers = [MAX_ADDRESSES + 1, MAX_ADDRESSES + 2, MAX_ADDRESSES, MAX_ADDRESSES + 5]
    .map(addressesOf);
  const told: ProxyEvent[] = [];
  const servers: (readonly string[])[] = [];
  const over = Promise.withResolvers<void>();
  const group = new ServerGroup({
    backend: "app",
    name: { kind: "dns", host: "app.internal", port: 80 },
    ...{ interval: 1, source: "", known: [], maxConnections: 0 },
    resolve: () => {
      servers.push(group.servers.map(({ name }) => name));
      const addresses = answers.shift();
      if (addresses !== undefined) return Promise.resolve({ addresses, unknown: undefined });
      over.resolve();
      return new Promise(() => {});
    },
    newServer: serverAt,
    onRemoved: () => {},
    observe: (event) => void told.push(event),
  });
  await group.start();
  await over.promise;
  group.close();
  assert.deepEqual(servers.map(({ length }) => length), [0, ...new Array(4).fill(MAX_ADDRESSES)]);
  assert.deepEqual(servers.at(-1), addressesOf(MAX_ADDRESSES + 5).sort().slice(0, MAX_ADDRESSES));
  const reasons = told.filter((event) => event.kind === "resolve_failed")
    .map(({ error, kept }) => [error.message, kept]);
  assert.deepEqual(reasons, [
    ["app.internal has 1001 addresses, of which 1000 are servers", 1000],
    ["app.internal has 1005 addresses, of which 1000 are servers", 1000],
  ]);
});
