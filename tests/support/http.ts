import type { TestConnection } from "./connection.ts";

/**
 * A reader of HTTP/1.1 for both sides of the tests. It is written from the RFC and not with the
 * proxy's own code, so that the two cannot err alike.
 */

type Fields = readonly (readonly [name: string, value: string])[];

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  /** The head as it came, up to the empty line. */
  readonly head: string;
  /** Latin-1. */
  readonly body: string;
  readonly trailers: Fields;
}

export interface SeenAnswer {
  readonly version: string;
  readonly status: number;
  readonly fields: Fields;
  /** The interim answers that came before. */
  readonly interim: readonly { readonly status: number; readonly fields: Fields }[];
  readonly framing: "none" | "length" | "chunked" | "until_close";
  /** Latin-1. */
  readonly body: string;
  readonly trailers: Fields;
}

/** The next request, or undefined when the client has ended. */
export async function readRequest(
  connection: TestConnection,
): Promise<SeenRequest | undefined> {
  if (!await connection.hasMore()) return undefined;
  const seen = await readRequestHead(connection);
  return { ...seen, ...await readBody(connection, seen.fields, "none") };
}

/** The next request's head alone. */
export async function readRequestHead(
  connection: TestConnection,
): Promise<Omit<SeenRequest, "body" | "trailers">> {
  const head = await connection.readUntil("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n").slice(0, -2);
  const [method = "", target = ""] = line.split(" ");
  return { method, target, head, fields: parseFields(lines) };
}

/** The next answer. It throws where the answer is cut short. */
export async function readAnswer(
  connection: TestConnection,
  { method = "GET", onInterim = () => {} }: {
    method?: string;
    onInterim?: (status: number) => void | Promise<void>;
  } = {},
): Promise<SeenAnswer> {
  const interim: { status: number; fields: Fields }[] = [];
  for (;;) {
    const head = await connection.readUntil("\r\n\r\n");
    const [line = "", ...lines] = head.split("\r\n").slice(0, -2);
    const fields = parseFields(lines);
    const [version = "", code] = line.split(" ");
    const status = Number(code);
    if (status < 200) {
      interim.push({ status, fields });
      await onInterim(status);
      continue;
    }
    const bodiless = method === "HEAD" || status === 204 || status === 304;
    const body = bodiless
      ? { framing: "none" as const, body: "", trailers: [] }
      : await readBody(connection, fields, "until_close");
    return { version, status, fields, interim, ...body };
  }
}

/** The values of every line of a field. */
export function valuesOf({ fields }: { fields: Fields }, name: string): string[] {
  return fields.filter(([key]) => key.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
}

/** A request's bytes; `Host` is there unless told otherwise. */
export function encodeRequest(
  target: string,
  { method = "GET", fields = [], body = "", host = "localhost" }: {
    method?: string;
    fields?: readonly string[];
    body?: string;
    host?: string;
  } = {},
): string {
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...fields, ...length];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** An answer's bytes, with a length. */
export function encodeAnswer(
  body: string,
  { status = 200, fields = [] }: { status?: number; fields?: readonly string[] } = {},
): string {
  const lines = [`HTTP/1.1 ${status} Whatever`, `Content-Length: ${body.length}`, ...fields];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** A chunked body, in these chunks. */
export function encodeChunks(chunks: readonly string[], trailers: readonly string[] = []): string {
  const encoded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  return `${encoded.join("")}0\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n`;
}

async function readBody(
  connection: TestConnection,
  fields: Fields,
  otherwise: "none" | "until_close",
): Promise<Pick<SeenAnswer, "framing" | "body" | "trailers">> {
  const [coding, ...moreCodings] = valuesOf({ fields }, "transfer-encoding");
  const [length, ...moreLengths] = valuesOf({ fields }, "content-length");
  if (moreCodings.length + moreLengths.length > 0) throw new Error("The framing stands twice");
  if (coding !== undefined && length !== undefined) throw new Error("The framing is ambiguous");
  if (coding !== undefined) return { framing: "chunked", ...await readChunks(connection) };
  if (length !== undefined) {
    const body = await connection.readText(Number(length));
    return { framing: "length", body, trailers: [] };
  }
  if (otherwise === "none") return { framing: "none", body: "", trailers: [] };
  return { framing: "until_close", body: await connection.readRest(), trailers: [] };
}

async function readChunks(
  connection: TestConnection,
): Promise<{ body: string; trailers: Fields }> {
  let body = "";
  for (;;) {
    const size = parseInt(await connection.readUntil("\r\n"), 16);
    if (size === 0) break;
    body += await connection.readText(size);
    if (await connection.readText(2) !== "\r\n") throw new Error("A chunk does not end");
  }
  const trailers: string[] = [];
  for (let line; (line = await connection.readUntil("\r\n")) !== "\r\n";) {
    trailers.push(line.slice(0, -2));
  }
  return { body, trailers: parseFields(trailers) };
}

function parseFields(lines: readonly string[]): Fields {
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}
