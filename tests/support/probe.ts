/**
 * What a hijacked proxy would try: run with a proxy's permissions, it says of each attempt whether
 * the runtime refused it. Its argument is JSON: names, and values for the attempts below.
 */

import { spawn } from "node:child_process";
import dns from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import { giveUpFfi } from "../../lib/ports/system_library.ts";

type Attempt = (value: string) => unknown;

const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  connect: async (address) => (await Deno.connect(parse(address))).close(),
  nodeConnect: (address) => {
    const { hostname: host, port } = parse(address);
    return settled(net.connect({ host, port }), "connect");
  },
  connectUnix: async (path) => (await Deno.connect({ transport: "unix", path })).close(),
  listen: (address) => Deno.listen(parse(address)).close(),
  nodeListen: (address) => {
    const { hostname: host, port } = parse(address);
    return settled(net.createServer().listen({ host, port }), "listening");
  },
  fetch: async (url) => await (await fetch(url)).body?.cancel(),
  websocket: (url) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.onopen = () => resolve(socket.close());
      socket.onerror = (event) => reject(event instanceof ErrorEvent ? event.error : event);
    }),
  resolve: (name) => Deno.resolveDns(name, "A"),
  lookup: (name) => dns.lookup(name),
  importUrl: (url) => import(url),
  importJson: (url) => import(url, { with: { type: "json" } }),
  require: (path) => createRequire(import.meta.url)(path),
  worker: (url) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(url, { type: "module" });
      worker.onmessage = () => resolve(worker.terminate());
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    }),
  read: (path) => Deno.readFile(path),
  nodeRead: (path) => readFile(path),
  list: (path) => Deno.readDirSync(path).toArray(),
  write: (path) => Deno.writeTextFile(path, ""),
  link: (path) => Deno.symlink("/etc/passwd", path),
  remove: (path) => Deno.remove(path),
  run: (program) => new Deno.Command(program).output(),
  nodeRun: (program) => settled(spawn(program), "exit"),
  env: (name) => {
    const value = Deno.env.get(name);
    if (value === undefined) throw new Error("not there");
  },
  environment: () => {
    if (Object.keys(Deno.env.toObject()).length === 0) throw new Error("not there");
  },
  library: (path) => Deno.dlopen(path, {}).close(),
  system: () => Deno.hostname(),
  nodeSystem: () => os.networkInterfaces(),
  kill: (pid) => Deno.kill(Number(pid), "SIGTERM"),
};

function parse(address: string): { hostname: string; port: number } {
  const colon = address.lastIndexOf(":");
  const hostname = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { hostname, port: Number(address.slice(colon + 1)) };
}

function settled(emitter: NodeJS.EventEmitter, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    emitter.once(event, resolve);
    emitter.once("error", reject);
  });
}

/** Some of Node's modules throw where nobody can catch it. */
let onUncaught = (_error: unknown) => {};
addEventListener("error", (event) => {
  event.preventDefault();
  onUncaught(event.error);
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  onUncaught(event.reason);
});

// as the proxy does before its first connection
giveUpFfi();

const attempts: readonly [name: string, value: string][] = JSON.parse(Deno.args[0] ?? "[]");
const results: string[] = [];
for (const [name, value] of attempts) {
  try {
    const { promise: thrown, reject } = Promise.withResolvers<never>();
    onUncaught = reject;
    await Promise.race([ATTEMPTS[name]?.(value), thrown]);
    results.push("done");
  } catch (error) {
    results.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(results)));
Deno.exit(0);
