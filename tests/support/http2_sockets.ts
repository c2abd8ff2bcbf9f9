import { AcceptedConnection } from "../../lib/http2/accepted_connection.ts";
import type { ConnectionEvents } from "../../lib/http2/connection.ts";
import { DialedConnection } from "../../lib/http2/dialed_connection.ts";
import { giveOutput, type Output } from "../../lib/http2/frame_writer.ts";
import { writeAll } from "../../lib/io/write_all.ts";
import { LIMITS, OPTIONS, type SentField, sourceOf } from "./http2_end.ts";
import type { Stream } from "../../lib/http2/stream.ts";
import { errorName } from "../../lib/http2/wire.ts";

/** A request or an answer that has come as a whole. */
export interface Message {
  readonly line: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly trailers: ReadonlyMap<string, string>;
}

export interface Http2TestServer extends AsyncDisposable {
  readonly port: number;
  /** Errors that connections have ended with. */
  readonly errors: readonly string[];
}

/** An answer, as a test has its server give it. */
export interface TestAnswer {
  readonly status: number;
  readonly fields?: readonly SentField[];
  readonly body?: Uint8Array;
  readonly trailers?: readonly SentField[];
}

/** A request, as a test has its client send it. */
export interface TestRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: readonly SentField[];
  readonly body?: Uint8Array;
}

/** Serves HTTP/2 with prior knowledge by the library under test, to hold it against its peers. */
export function startHttp2Server(answer: (request: Message) => TestAnswer): Http2TestServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const errors: string[] = [];
  const open = new Set<Deno.Conn>();
  const accepting = (async () => {
    for await (const conn of listener) {
      open.add(conn);
      serve(conn, answer, errors).finally(() => open.delete(conn));
    }
  })();
  return {
    port: listener.addr.port,
    errors,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of open) conn.close();
    },
  };
}

/** Sends requests to a server, all at once, and gives its answers in their order. */
export async function askHttp2(
  port: number,
  requests: readonly TestRequest[],
): Promise<readonly Message[]> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const answers = requests.map(() => Promise.withResolvers<Message>());
  const collector = new Collector();
  const client: DialedConnection<number> = new DialedConnection<number>({
    ...collector.events(() => client, (stream) => answer(stream)),
    response: (stream, { status, fields }, ended) => {
      if (status < 200) return;
      collector.begin(stream, String(status), fields);
      if (ended) answer(stream);
    },
    reset: (stream, { reason }) => answers[stream.owner ?? 0]?.reject(new Error(reason)),
    failed: (error) => answers.forEach(({ reject }) => reject(error)),
    settled: () => {},
    goingAway: () => {},
    pong: () => {},
  }, { ...OPTIONS, limits: LIMITS });
  const answer = (stream: Stream<number>) => {
    answers[stream.owner as number]?.resolve(collector.take(stream));
  };
  requests.forEach(({ method, path, fields, body }, i) => {
    const place = { scheme: "http", authority: `127.0.0.1:${port}` } as const;
    const sent = { ...place, method, path, fields: sourceOf(fields) };
    const stream = client.open(i, sent, body === undefined);
    if (body !== undefined) client.sendData(stream, body, 0, body.length, true);
  });
  const carrying = carry(conn, client);
  try {
    return await Promise.all(answers.map(({ promise }) => promise));
  } finally {
    conn.close();
    await carrying;
  }
}

async function serve(
  conn: Deno.Conn,
  answer: (request: Message) => TestAnswer,
  errors: string[],
): Promise<void> {
  const collector = new Collector();
  const trailers = new Map<Stream<number>, readonly SentField[]>();
  const respond = (stream: Stream<number>) => {
    const { status, fields = [], body = new Uint8Array(0), trailers: behind } = answer(
      collector.take(stream),
    );
    server.respond(stream, status, sourceOf(fields), body.length === 0 && behind === undefined);
    if (behind !== undefined) trailers.set(stream, behind);
    const taken = server.sendData(stream, body, 0, body.length, behind === undefined);
    if (taken && behind !== undefined) server.sendTrailers(stream, behind);
  };
  const server: AcceptedConnection<number> = new AcceptedConnection<number>({
    ...collector.events(() => server, respond),
    request: (stream, { method, path, fields }, ended) => {
      collector.begin(stream, `${method} ${path}`, fields);
      if (ended) respond(stream);
    },
    taken: (stream) => server.sendTrailers(stream, trailers.get(stream) ?? []),
    malformed: () => {},
    failed: ({ code, message }) => errors.push(`${errorName(code)}: ${message}`),
  }, OPTIONS);
  await carry(conn, server);
}

/** Collects messages until they are whole. */
class Collector {
  readonly #messages = new Map<Stream<number>, Message & { readonly parts: Uint8Array[] }>();

  begin(stream: Stream<number>, line: string, fields: readonly SentField[]): void {
    const message = { line, fields: mapOf(fields), body: new Uint8Array(0), trailers: mapOf([]) };
    this.#messages.set(stream, { ...message, parts: [] });
  }

  take(stream: Stream<number>): Message {
    const { parts, ...message } = this.#messages.get(stream) as Message & { parts: Uint8Array[] };
    this.#messages.delete(stream);
    const body = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      body.set(part, at);
      at += part.length;
    }
    return { ...message, body };
  }

  events(
    connection: () => AcceptedConnection<number> | DialedConnection<number>,
    whole: (stream: Stream<number>) => void,
  ): ConnectionEvents<number> {
    return {
      data: (stream, bytes, from, to, ended) => {
        this.#messages.get(stream)?.parts.push(bytes.slice(from, to));
        connection().consumed(stream, to - from);
        if (ended) whole(stream);
      },
      trailers: (stream, fields) => {
        const message = this.#messages.get(stream);
        if (message !== undefined) {
          this.#messages.set(stream, { ...message, trailers: mapOf(fields) });
        }
        whole(stream);
      },
      reset: () => {},
      taken: () => {},
      idle: () => {},
      output: () => {},
      failed: () => {},
    };
  }
}

function mapOf(fields: readonly SentField[]): ReadonlyMap<string, string> {
  return new Map(fields.map(({ key, value }) => [key, value]));
}

async function carry(
  conn: Deno.Conn,
  connection: AcceptedConnection<number> | DialedConnection<number>,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    await flush(conn, connection);
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      connection.feed(buffer.subarray(0, n));
      await flush(conn, connection);
      if (connection.hasFailed) break;
    }
    conn.close();
  } catch {
    // closed meanwhile
  }
}

async function flush(
  conn: Deno.Conn,
  connection: { takeOutput(): Output | undefined },
): Promise<void> {
  for (let out = connection.takeOutput(); out !== undefined; out = connection.takeOutput()) {
    await writeAll(conn, out);
    giveOutput(out);
  }
}
