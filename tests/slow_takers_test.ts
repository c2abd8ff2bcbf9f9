import assert from "node:assert/strict";
import { NO_BYTES } from "../lib/io/buffer_pool.ts";
import { Deadlines } from "../lib/io/deadlines.ts";
import { type ByteSocket, SocketConnection } from "../lib/io/socket_connection.ts";
import { SETTING } from "../lib/http2/wire.ts";
import { serveHttp1 } from "../lib/proxy/http1_session.ts";
import { serveHttp2 } from "../lib/proxy/http2_session.ts";
import { passOn, relay } from "../lib/proxy/relay.ts";
import type { Policy } from "../lib/proxy/policy.ts";
import { fromLatin1 } from "./support/connection.ts";
import { pause } from "./support/deadline.ts";
import { encodeRequest } from "./support/http.ts";
import { scriptedPolicy, scriptedSession } from "./support/scripted_policy.ts";
import { headers, joined, opening, requestFields, windowUpdate } from "./support/http2_frames.ts";

const IDLE_MS = 600;
const BODY = new Uint8Array(100_000);
/** Several times `IDLE_MS` for all of the answer, and more than that for what is framed at once. */
const STEP = { bytes: 10_000, ms: 150 };
/** The same for a piece that goes through a tunnel, whose idle time is measured coarsely. */
const SMALL_STEP = { bytes: 4_000, ms: 150 };

/** Of a peer that says something, and takes a little at a time, up to a bound. */
class SlowSocket implements ByteSocket {
  sent = 0;
  /** What the bytes lie in that it was given. */
  readonly given = new Set<ArrayBufferLike>();
  readonly taken?: number;
  readonly #whole: boolean;
  readonly #most: number;
  readonly #step: typeof STEP;
  readonly #gone = Promise.withResolvers<never>();
  #unsaid: Uint8Array;

  /** @param whole whether `write` takes all that it is given, and tells of parts by `taken` alone */
  constructor(
    says: Uint8Array,
    { whole, most, step = STEP }: { whole: boolean; most: number; step?: typeof STEP },
  ) {
    this.#step = step;
    this.#unsaid = says;
    this.#whole = whole;
    this.#most = most;
    this.#gone.promise.catch(() => {});
    if (whole) Object.defineProperty(this, "taken", { get: () => this.sent });
  }

  read(into: Uint8Array): Promise<number | null> {
    const said = this.#unsaid.subarray(0, into.length);
    this.#unsaid = this.#unsaid.subarray(said.length);
    if (said.length === 0) return this.#gone.promise;
    into.set(said);
    return Promise.resolve(said.length);
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.given.add(bytes.buffer);
    const { bytes: most, ms } = this.#step;
    const count = this.#whole ? bytes.length : Math.min(bytes.length, most);
    for (let left = count; left > 0; left -= most) {
      if (this.sent >= this.#most) return await this.#gone.promise;
      await pause(ms);
      this.sent += Math.min(left, most);
    }
    return count;
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#gone.reject(new Deno.errors.BadResource("closed"));
  }
}

const REQUESTS = {
  "HTTP/1.1": { request: fromLatin1(encodeRequest("/")), serve: serveHttp1 },
  "HTTP/2": {
    request: joined([
      opening([[SETTING.initialWindowSize, BODY.length]]),
      windowUpdate(0, BODY.length),
      headers(1, requestFields(), { ended: true }),
    ]),
    serve: serveHttp2,
  },
};

function policy(): Policy {
  const answer = { status: 200, fields: [], body: BODY };
  const action = { kind: "respond", answer, etag: '"a"' } as const;
  return scriptedPolicy({ action }, { bodyIdle: IDLE_MS, keepAlive: 500 });
}

const SETTINGS = {
  peer: { host: "192.0.2.1", port: 1 },
  local: { host: "192.0.2.2", port: 2 },
  goneCode: "client_gone",
  idleBufferBytes: 4096,
} as const;

for (const [version, { request, serve }] of Object.entries(REQUESTS)) {
  for (const whole of [false, true]) {
    const how = whole ? "that says so" : "in parts";
    Deno.test(`who takes an answer slowly gets it, and who stops is left (${version}, ${how})`, async () => {
      for (const most of [Infinity, BODY.length / 2]) {
        const deadlines = new Deadlines();
        const socket = new SlowSocket(request, { whole, most });
        const client = new SocketConnection(socket, SETTINGS);
        const ends: string[] = [];
        const options = scriptedSession(policy(), {
          deadlines,
          observe: (event) =>
            event.kind === "connection_end" && ends.push(event.error?.message ?? "done"),
        });
        const session = serve(client, options);
        if (most === Infinity) {
          while (socket.sent < BODY.length && ends.length === 0) await pause(50);
          session.abort();
        }
        await session.done;
        // a copy for each would be a way to take all memory
        if (serve === serveHttp1) assert.ok(socket.given.has(BODY.buffer));
        if (most === Infinity) assert.ok(socket.sent >= BODY.length, `${socket.sent}: ${ends}`);
        else assert.match(ends.join(), /Nothing was taken for 0\.6 s/);
      }
    });
  }
}

for (const [name, carry] of Object.entries({ relay, passOn })) {
  Deno.test(`who takes opaque bytes slowly gets them, and who stops is left (${name})`, async () => {
    for (const most of [Infinity, BODY.length / 2]) {
      const taking = new SlowSocket(NO_BYTES, { whole: true, most, step: SMALL_STEP });
      const client = new SocketConnection(taking, SETTINGS);
      const server = new SocketConnection(new SlowSocket(BODY, { whole: true, most }), SETTINGS);
      let error: unknown;
      const carried = carry(client, server, { deadlines: new Deadlines(), idleTimeout: IDLE_MS })
        .catch((reason) => error = reason);
      while (taking.sent < Math.min(most, BODY.length) && error === undefined) await pause(50);
      assert.equal(error, undefined);
      await carried;
      assert.match(String(error), /Nothing was sent for 0\.6 s/);
    }
  });
}
