import { asProxyError, ProxyError } from "../core/errors.ts";
import { Roster } from "../core/roster.ts";
import { closeQuietly } from "../io/close_quietly.ts";
import { endsOf } from "./own_sockets.ts";
import type { Place } from "./place.ts";
import { type ProxiedOrigin, readProxyHeader } from "./proxy_header.ts";

/** How a connection begins that a proxy in front has made. */
export interface ProxiedStart {
  /** Whose connection it is; undefined for the proxy's own, and where it cannot tell. */
  readonly origin: ProxiedOrigin | undefined;
  /** What has come behind the header already. */
  readonly rest: Uint8Array<ArrayBuffer>;
}

/** What becomes of a connection of a proxy in front. */
export interface ProxiedOutcome {
  /** It has told whose it is. @param rest what has come behind that already */
  readonly onNamed: (ends: ProxiedOrigin, rest: Uint8Array<ArrayBuffer>) => void;
  /** It was closed without a word. */
  readonly onGone: () => void;
  readonly onFailure: (error: ProxyError) => void;
}

/** Connections of proxies in front that have yet to tell whose they are. */
export class UnnamedConnections {
  readonly #timeout: number;
  readonly #pending = new Roster<Deno.TcpConn>();

  /** @param timeout milliseconds that each has */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  async add(
    socket: Deno.TcpConn,
    place: Pick<Place, "name" | "leave">,
    { onNamed, onGone, onFailure }: ProxiedOutcome,
  ): Promise<void> {
    const entry = this.#pending.add(socket);
    try {
      const start = await readProxiedStart(socket, { timeout: this.#timeout });
      this.#pending.remove(entry);
      if (start === undefined) {
        place.leave();
        return onGone();
      }
      const ends = start.origin ?? endsOf(socket);
      if (!place.name(ends.peer)) return closeQuietly(socket);
      onNamed(ends, start.rest);
    } catch (error) {
      this.#pending.remove(entry);
      place.leave();
      onFailure(asProxyError(error, "internal"));
    }
  }

  /** Settles once all have told, or are over. */
  whenNone(): Promise<void> {
    return this.#pending.whenEmpty();
  }

  closeAll(): void {
    for (const socket of this.#pending.values()) closeQuietly(socket);
  }
}

/** Bytes to read into: a header and the ClientHello behind it, as they mostly are. */
const BUFFER_BYTES = 2 * 1024;

/**
 * Reads the PROXY header that a connection has to begin with. It is closed where that does not come,
 * or not in time.
 *
 * @param timeout milliseconds
 * @returns undefined where it was closed without a word, as probes of a port do
 * @throws {ProxyError} `bad_proxy_header`, `handshake_timeout`, or `handshake_failed` for a
 *   connection that ends amid it; it is closed by then
 */
export async function readProxiedStart(
  socket: Deno.TcpConn,
  { timeout }: { timeout: number },
): Promise<ProxiedStart | undefined> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    closeQuietly(socket);
  }, timeout);
  try {
    const start = await readStart(socket);
    // what has come may be told of behind the timer
    if (late) throw new Error("It is closed");
    if (start === undefined) closeQuietly(socket);
    return start;
  } catch (error) {
    closeQuietly(socket);
    throw late
      ? new ProxyError("handshake_timeout", `No PROXY header came within ${timeout} ms`)
      : asProxyError(error, "handshake_failed");
  } finally {
    clearTimeout(timer);
  }
}

async function readStart(socket: Deno.TcpConn): Promise<ProxiedStart | undefined> {
  let buffer = new Uint8Array(BUFFER_BYTES);
  let size = await readFirst(socket, buffer);
  if (size === null) return undefined;
  for (;;) {
    const reading = readProxyHeader(buffer.subarray(0, size));
    switch (reading.kind) {
      case "header":
        return { origin: reading.header.origin, rest: buffer.subarray(reading.length, size) };
      case "invalid":
        throw new ProxyError("bad_proxy_header", `No PROXY header: ${reading.reason}`);
    }
    // a header is bounded, so this doubles once
    if (size === buffer.length) buffer = grown(buffer);
    const count = await socket.read(buffer.subarray(size));
    if (count === null) {
      throw new ProxyError("handshake_failed", "It was closed amid its PROXY header");
    }
    size += count;
  }
}

/** Some probes end by a reset. */
async function readFirst(socket: Deno.TcpConn, buffer: Uint8Array): Promise<number | null> {
  try {
    return await socket.read(buffer);
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return null;
    throw error;
  }
}

function grown(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * buffer.length);
  larger.set(buffer);
  return larger;
}
