import type { Connection } from "../io/connection.ts";
import type { Deadlines } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { GatherWriter } from "../io/gather_writer.ts";
import type { PartReader } from "../http1/part_reader.ts";

export interface RelayOptions {
  readonly deadlines: Deadlines;
  /** Milliseconds without a byte in either direction after which both are ended. */
  readonly idleTimeout: number;
}

/**
 * Pipes two connections into each other until both have ended. Each direction ends by itself: a
 * half-close is carried through and the other direction goes on. A direction that breaks breaks
 * the other too, with a reset where there can be one: what is cut off must not look complete.
 *
 * @throws {ProxyError} what broke it off; both connections are closed by then
 */
export function relay(
  client: Connection,
  upstream: Connection,
  options: RelayOptions,
): Promise<void> {
  return bothWays([client, upstream], options, () => [
    client.readable.pipeTo(upstream.writable),
    upstream.readable.pipeTo(client.writable),
  ]);
}

/** One side of a connection that has spoken HTTP, and now carries opaque bytes. */
export interface TunnelEnd extends End {
  /** Its decoder gives everything as `data` from here on. */
  readonly input: PartReader<{ readonly kind: string; readonly bytes?: Uint8Array }>;
  readonly output: GatherWriter;
}

/**
 * Does what `relay` does with connections that have switched protocols: what was read behind the
 * heads, and what has been pushed and not flushed, goes first.
 *
 * @param onSent called with the size of every piece that goes from client to server
 * @throws {ProxyError} like `relay`
 */
export function tunnel(
  client: TunnelEnd,
  server: TunnelEnd,
  { onSent, ...options }: RelayOptions & { readonly onSent: (bytes: number) => void },
): Promise<void> {
  return bothWays([client, server], options, () => [
    copy(client.input, server.output, onSent),
    copy(server.input, client.output, () => {}),
  ]);
}

async function copy(
  input: TunnelEnd["input"],
  output: GatherWriter,
  onCopied: (bytes: number) => void,
): Promise<void> {
  for (;;) {
    // what is at hand goes out before more is waited for, and before its buffer is read into again
    if (!input.buffered) await output.flush();
    const part = await input.next();
    if (part === undefined) return await output.close();
    if (part.bytes === undefined) continue;
    output.push(part.bytes);
    onCopied(part.bytes.length);
  }
}

interface End {
  /** Bytes read and written so far. */
  readonly bytes: Connection["bytes"];
  /** Ends it so that the peer sees a failure. */
  reset(reason: ProxyError): void;
}

/** How often within the idle time it is looked at whether something has moved. */
const LOOKS = 4;

async function bothWays(
  ends: readonly [End, End],
  { deadlines, idleTimeout }: RelayOptions,
  directions: () => readonly [Promise<void>, Promise<void>],
): Promise<void> {
  using deadline = deadlines.watch();
  let moved = -1;
  let still = 0;
  const closeBoth = (error: ProxyError) => ends.forEach((end) => end.reset(error));
  const watchIdle = () => {
    const total = bytesMoved(ends);
    still = total === moved ? still + 1 : 0;
    if (still === LOOKS) return closeBoth(idleError(idleTimeout));
    moved = total;
    deadline.arm(idleTimeout / LOOKS, watchIdle);
  };
  watchIdle();
  try {
    await Promise.all(directions());
  } catch (error) {
    const broken = asProxyError(error, "internal");
    closeBoth(broken);
    throw broken;
  }
}

function bytesMoved([a, b]: readonly [End, End]): number {
  return a.bytes.read + a.bytes.written + b.bytes.read + b.bytes.written;
}

function idleError(ms: number): ProxyError {
  return new ProxyError("idle_timeout", `Nothing was sent for ${ms / 1000} s`);
}
