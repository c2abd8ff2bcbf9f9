import { ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import { type StreamReset, WINDOWS } from "../http2/connection.ts";
import { DialedConnection, type DialedEvents } from "../http2/dialed_connection.ts";
import { giveOutput } from "../http2/frame_writer.ts";
import type { Http2Error } from "../http2/http2_error.ts";
import type { Http2ResponseHead } from "../http2/response_head.ts";
import type { Stream } from "../http2/stream.ts";
import type { ByteSocket } from "../io/socket_connection.ts";
import { writeAll } from "../io/write_all.ts";
import type { ProbeResult } from "./probe_result.ts";

/** Of answers to checks, whichever version they come by. */
export const CHECK_LIMITS = { headerBytes: 16 * 1024, headers: 100 };
/** What servers see that are checked. */
export const CHECK_AGENT = "tls-proxy-health";

/** One question of a check by HTTP/2, over a connection that has just been made for it. */
export abstract class Http2Check implements DialedEvents<Http2Check> {
  protected readonly protocol: DialedConnection<Http2Check>;
  /** What is known so far. */
  protected result: ProbeResult | undefined;
  /** Whether nothing more is to be read. */
  protected isOver = false;

  constructor() {
    const now = () => performance.now();
    this.protocol = new DialedConnection<Http2Check>(this, {
      ...WINDOWS,
      limits: CHECK_LIMITS,
      now,
    });
  }

  /**
   * Sends the question and reads the answer.
   *
   * @throws {ProxyError} where what comes is no answer
   */
  async ask(socket: ByteSocket): Promise<ProbeResult> {
    try {
      await this.#readAnswer(socket);
    } catch (error) {
      if (this.result === undefined) throw error;
    }
    this.protocol.finish();
    await this.#flush(socket).catch(() => {});
    return this.result ?? { outcome: "failed", reason: "no answer" };
  }

  abstract response(stream: Stream<Http2Check>, head: Http2ResponseHead, ended: boolean): void;
  /** A part of the answer's body, which is valid during the call. */
  protected abstract body(piece: Uint8Array, ended: boolean): void;
  abstract trailers(stream: Stream<Http2Check>, fields: readonly Field[]): void;

  data(
    stream: Stream<Http2Check>,
    bytes: Uint8Array,
    from: number,
    to: number,
    ended: boolean,
  ): void {
    this.protocol.consumed(stream, to - from);
    this.body(bytes.subarray(from, to), ended);
  }

  reset(_stream: Stream<Http2Check>, { reason }: StreamReset): void {
    // what fails as a whole is told by itself
    if (!this.protocol.hasFailed) this.fail(reason);
  }

  failed({ message }: Http2Error): void {
    this.fail(`it does not speak HTTP/2: ${message}`);
  }

  taken(): void {}
  idle(): void {}
  output(): void {}
  settled(): void {}
  goingAway(): void {}
  pong(): void {}

  /** Ends it; what was known before stands. */
  protected fail(reason: string): void {
    this.end({ outcome: "failed", reason });
  }

  /** Ends it, with this where nothing was known before. */
  protected end(result: ProbeResult): void {
    this.result ??= result;
    this.isOver = true;
  }

  async #readAnswer(socket: ByteSocket): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    while (!this.isOver) {
      await this.#flush(socket);
      const count = await socket.read(buffer);
      if (count === null) throw new ProxyError("upstream_gone", "the connection ended early");
      this.protocol.feed(buffer.subarray(0, count));
    }
  }

  async #flush(socket: ByteSocket): Promise<void> {
    const { protocol } = this;
    for (let out = protocol.takeOutput(); out !== undefined; out = protocol.takeOutput()) {
      await writeAll(socket, out);
      giveOutput(out);
    }
  }
}
