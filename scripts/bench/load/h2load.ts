import type { Answer } from "../answers.ts";
import { HOST } from "../contender.ts";
import type { Surroundings } from "../plan.ts";
import type { Field } from "./browser.ts";
import { parseProgress, type Progress } from "./progress.ts";
import type { Target } from "./target.ts";

export interface Load {
  readonly requests: number;
  /** Connections that are kept open at the same time. */
  readonly connections: number;
  /** Requests at the same time on each connection, which are of HTTP/2; without it, HTTP/1.1. */
  readonly streams?: number;
  /** What each connection asks for, in turn. */
  readonly asked: readonly Answer[];
  readonly fields?: readonly Field[];
  /** A file that goes with each request. */
  readonly body?: string;
}

/** Where it may run programs and write files. */
export type Tools = Pick<Surroundings, "processes" | "folder">;

/** How a load is sent. */
export interface Sending {
  /** For h2load, beside its own. */
  readonly flags?: readonly string[];
  /** Told meanwhile; the requests have to be a multiple of ten. */
  readonly progress?: Progress | undefined;
}

/**
 * Sends so many requests over a few connections that are kept alive, by h2load.
 *
 * @throws {Error} unless every answer was 2xx, all had as many bytes as they should, and it was all
 *   done over TLS 1.3 by the protocol asked for
 */
export async function h2load(
  tools: Tools,
  target: Target,
  load: Load,
  { flags = [], progress }: Sending = {},
): Promise<void> {
  const found = parseH2load(
    await tools.processes.run([...await command(tools, target, load), ...flags], {
      onLine: (line) => {
        const percent = parseProgress(line);
        if (percent !== undefined) progress?.(percent);
      },
    }),
  );
  const expected = {
    tls: "TLSv1.3",
    protocol: load.streams === undefined ? "http/1.1" : "h2",
    ok: load.requests,
    bytes: bytesInTurn(load.asked.map(({ bytes }) => bytes), load),
  };
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}

/** The same, but not faster than so many requests a second. */
export async function h2loadAtRate(
  tools: Tools,
  target: Target,
  { rate, ...load }: Load & { readonly rate: number },
): Promise<readonly RequestTime[]> {
  return await h2loadTimes(tools, target, load, { flags: [`--rps=${rate / load.connections}`] });
}

/** The same, with what became of each request. */
export async function h2loadTimes(
  tools: Tools,
  target: Target,
  load: Load,
  { flags = [], progress }: Sending = {},
): Promise<readonly RequestTime[]> {
  const log = await Deno.makeTempFile({ dir: tools.folder });
  await h2load(tools, target, load, { flags: [...flags, `--log-file=${log}`], progress });
  return parseH2loadLog(await Deno.readTextFile(log));
}

async function command(
  { folder }: Tools,
  { port }: Target,
  { requests, connections, streams, asked, fields = [], body }: Load,
): Promise<readonly string[]> {
  // a thousand addresses are more than a command line should hold
  const list = await Deno.makeTempFile({ dir: folder });
  await Deno.writeTextFile(
    list,
    asked.map(({ path }) => `https://${HOST}:${port}/${path}\n`).join(""),
  );
  return [
    ...["h2load", "-t", "1", "-n", String(requests), "-c", String(connections)],
    ...(streams === undefined ? ["--h1"] : ["-m", String(streams)]),
    ...fields.flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    ...(body === undefined ? [] : ["-d", body]),
    // the name is for the handshake: what it resolves to may be another address
    ...[`--connect-to=127.0.0.1:${port}`, "-i", list],
  ];
}

/**
 * Bytes of all answers where requests are dealt out to connections, and each of these asks for the
 * sizes in turn, from the first one on.
 */
export function bytesInTurn(
  sizes: readonly number[],
  { requests, connections }: { requests: number; connections: number },
): number {
  let bytes = 0;
  for (let connection = 0; connection < connections; connection++) {
    const extra = connection < requests % connections ? 1 : 0;
    const own = Math.floor(requests / connections) + extra;
    for (let i = 0; i < own; i++) bytes += sizes[i % sizes.length] ?? 0;
  }
  return bytes;
}

/** A request in h2load's log. */
export interface RequestTime {
  /** Milliseconds since 1970. */
  readonly began: number;
  /** Milliseconds until the answer had come whole. */
  readonly took: number;
}

/** Reads h2load's log: for each request when it began, its status, and microseconds it took. */
export function parseH2loadLog(text: string): readonly RequestTime[] {
  return text.split("\n").flatMap((line) => {
    const [, began, took] = /^(\d+)\t\d+\t(\d+)/.exec(line) ?? [];
    if (began === undefined) return [];
    return [{ began: Number(began) / 1000, took: Number(took) / 1000 }];
  });
}

/** What h2load says of a run. */
export interface H2loadResult {
  readonly tls: string;
  /** As ALPN calls it. */
  readonly protocol: string;
  /** Answers with a status of 2xx. */
  readonly ok: number;
  /** Of all bodies. */
  readonly bytes: number;
}

/** Reads the summary that h2load prints; numbers that are missing in it become 0. */
export function parseH2load(output: string): H2loadResult {
  return {
    tls: /^TLS Protocol: (\S+)/m.exec(output)?.[1] ?? "none",
    protocol: /^Application protocol: (\S+)/m.exec(output)?.[1] ?? "none",
    ok: Number(/^status codes: (\d+) 2xx/m.exec(output)?.[1] ?? 0),
    bytes: Number(/\((\d+)\) data$/m.exec(output)?.[1] ?? 0),
  };
}
