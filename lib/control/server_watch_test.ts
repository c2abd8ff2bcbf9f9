import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { KEPT_SERVERS, ServerWatch } from "./server_watch.ts";

Deno.test("ServerWatch remembers the servers that failed last, however many come and go", () => {
  const watch = new ServerWatch();
  const failed = (server: string) =>
    watch.observe({
      kind: "server_failed",
      backend: "app",
      server,
      error: new ProxyError("connect_failed", "refused"),
      begun: false,
    });
  const names = Array.from({ length: KEPT_SERVERS + 2 }, (_, i) => `server ${i}`);
  for (const name of names.slice(0, KEPT_SERVERS)) failed(name);
  // it goes on failing
  failed("server 0");
  for (const name of names.slice(KEPT_SERVERS)) failed(name);
  const views = names.map((name) => ({
    ...{ backend: "app", name, state: "unchecked", health: undefined } as const,
    ...{ drains: false, load: 0, idleConnections: 0 },
  }));
  const forgotten = watch.look(views, new Date()).filter(({ lastFailure }) =>
    lastFailure === undefined
  );
  assert.deepEqual(forgotten.map(({ name, state }) => [name, state]), [
    ["server 1", "unchecked"],
    ["server 2", "unchecked"],
  ]);
});
