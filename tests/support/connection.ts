import type { Duplex } from "node:stream";
import { writeAll } from "../../lib/io/write_all.ts";
import { within } from "./deadline.ts";

/** What a test connection stands on. */
export interface Transport {
  /** Undefined at the peer's end. */
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  /** Half-closes. */
  end(): Promise<void>;
  close(): void;
  /** Sends a RST. */
  reset(): void;
}

/** How a side of a connection waits. */
export interface Patience {
  /**
   * Whether it waits for as long as the connection is there, as a server does: whoever drives the
   * client is the one to say what was waited for in vain. An idle connection is none of its business.
   */
  readonly patient?: boolean;
}

/**
 * One side of a connection, for scripts: it reads what is asked for and keeps the rest. Each read
 * has a deadline unless it is patient, so a test that waits in vain says for what.
 */
export class TestConnection implements Disposable {
  readonly transport: Transport;
  /** Bytes that came so far. */
  received = 0;
  readonly #patient: boolean;
  #kept = new Uint8Array(0);

  constructor(transport: Transport, { patient = false }: Patience = {}) {
    this.transport = transport;
    this.#patient = patient;
  }

  /** Latin-1 text up to and with `end`. */
  async readUntil(end: string): Promise<string> {
    for (let from = 0;;) {
      const text = latin1(this.#kept);
      const at = text.indexOf(end, from);
      if (at >= 0) return latin1(this.#take(at + end.length));
      from = Math.max(0, text.length - end.length);
      if (!await this.#more(JSON.stringify(end))) {
        throw new Error(`It ended before ${JSON.stringify(end)}, after ${JSON.stringify(text)}`);
      }
    }
  }

  async readBytes(count: number): Promise<Uint8Array> {
    while (this.#kept.length < count) {
      if (!await this.#more(`${count} bytes`)) {
        throw new Error(`It ended ${count - this.#kept.length} bytes too early`);
      }
    }
    return this.#take(count);
  }

  async readText(count: number): Promise<string> {
    return latin1(await this.readBytes(count));
  }

  /** Whether a byte comes; false at the end. */
  async hasMore(): Promise<boolean> {
    return this.#kept.length > 0 || await this.#more("some bytes");
  }

  /** Whatever comes next, at least a byte; undefined at the end. */
  async readSome(): Promise<Uint8Array | undefined> {
    if (!await this.hasMore()) return undefined;
    return this.#take(this.#kept.length);
  }

  /** All that comes until the peer ends. */
  async readRest(): Promise<string> {
    while (await this.#more("the end"));
    return latin1(this.#take(this.#kept.length));
  }

  /** Reads until the peer ends or breaks off; a reset is as good as an end. */
  async untilGone(): Promise<void> {
    try {
      while (await this.#more("the end")) this.#kept = new Uint8Array(0);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("Waited")) throw error;
    }
  }

  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? fromLatin1(data) : data;
    await this.#within(this.transport.write(bytes), `${bytes.length} bytes to be written`);
  }

  async end(): Promise<void> {
    await this.#within(this.transport.end(), "a half-close");
  }

  close(): void {
    this.transport.close();
  }

  reset(): void {
    this.transport.reset();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #more(what: string): Promise<boolean> {
    const chunk = await this.#within(this.transport.read(), what);
    if (chunk === undefined) return false;
    this.received += chunk.length;
    const both = new Uint8Array(this.#kept.length + chunk.length);
    both.set(this.#kept);
    both.set(chunk, this.#kept.length);
    this.#kept = both;
    return true;
  }

  #within<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.#patient ? promise : within(promise, what);
  }

  #take(count: number): Uint8Array {
    const taken = this.#kept.slice(0, count);
    this.#kept = this.#kept.slice(count);
    return taken;
  }
}

/** A connection of the runtime, with or without TLS; it cannot be reset. */
export function denoTransport(conn: Deno.Conn): Transport {
  const buffer = new Uint8Array(64 * 1024);
  let closed = false;
  return {
    async read() {
      const count = await conn.read(buffer);
      return count === null ? undefined : buffer.slice(0, count);
    },
    write: (bytes) => writeAll(conn, bytes),
    end: () => conn.closeWrite(),
    close() {
      if (!closed) conn.close();
      closed = true;
    },
    reset() {
      throw new TypeError("The runtime's own connections cannot send a RST");
    },
  };
}

/** A `node:net` or `node:tls` socket; `reset` is for the TCP socket beneath. */
export function nodeTransport(socket: Duplex, reset: () => void): Transport {
  let ended = false;
  let failed: Error | undefined;
  let wake = () => {};
  socket.on("readable", () => wake());
  socket.on("end", () => (ended = true, wake()));
  socket.on("error", (error) => (failed = error, wake()));
  socket.on("close", () => {
    if (!ended) failed ??= new Error("The connection was closed");
    wake();
  });
  return {
    async read() {
      for (;;) {
        const chunk: Uint8Array | null = socket.read();
        if (chunk !== null) return chunk;
        if (failed !== undefined) throw failed;
        if (ended) return undefined;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => error ? reject(error) : resolve());
      }),
    end: () => new Promise((resolve) => socket.end(() => resolve())),
    close: () => void socket.destroy(),
    reset,
  };
}

export function latin1(bytes: Uint8Array | string): string {
  if (typeof bytes === "string") return bytes;
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

export function fromLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  // only ASCII is as long in UTF-8; the long way takes a second for 10 MB
  if (bytes.length === text.length) return bytes;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
