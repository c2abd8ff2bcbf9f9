import { createHash } from "node:crypto";
import type { Address } from "../core/address.ts";
import { plural } from "../core/plural.ts";

/** A running demo backend. */
export interface DemoBackend {
  readonly address: Address;
  /** Stops it at once. */
  close(): Promise<void>;
}

/**
 * Starts a plain HTTP/1.1 server on a free port of the loopback interface that answers every
 * request with what it received, so that one sees what the proxy sends.
 */
export async function startDemoBackend(): Promise<DemoBackend> {
  const { promise: listening, resolve } = Promise.withResolvers<Address>();
  const stop = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: stop.signal,
    onListen: ({ hostname, port }) => resolve({ host: hostname, port }),
  }, echo);
  const address = await listening;
  return {
    address,
    async close() {
      stop.abort();
      await server.finished;
    },
  };
}

async function echo(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const lines = [`${request.method} ${pathname}${search} HTTP/1.1`];
  for (const [name, value] of request.headers) lines.push(`${name}: ${value}`);
  lines.push("", ...await describeBody(request.body), "");
  return new Response(lines.join("\n"), {
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

async function describeBody(body: ReadableStream<Uint8Array> | null): Promise<readonly string[]> {
  if (body === null) return ["(no body)"];
  const hash = createHash("sha256");
  const start = new Uint8Array(MAX_ECHO);
  let size = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    if (size < MAX_ECHO) start.set(chunk.subarray(0, MAX_ECHO - size), size);
    size += chunk.length;
  }
  const facts = [`(body: ${plural(size, "byte")}, sha-256 ${hash.digest("hex")})`];
  const text = size < MAX_ECHO ? textOf(start.subarray(0, size)) : undefined;
  return text === undefined ? facts : [...facts, text];
}

/** Bodies below this size are answered with themselves, where they are text. */
const MAX_ECHO = 4096;

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return BINARY.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Control characters that no text has. */
const BINARY = /(?![\t\n\r])\p{Cc}/u;
