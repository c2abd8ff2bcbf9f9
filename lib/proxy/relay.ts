import type { Connection } from "../io/connection.ts";
import { copyBytes } from "../io/copy_bytes.ts";
import type { Deadlines } from "../io/deadlines.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import type { OpaqueEnd } from "../upstream/server_stream.ts";

/** When a relay is idle for too long, and by which clock. */
export interface RelayOptions {
  readonly deadlines: Deadlines;
  /** Milliseconds without a byte in either direction after which both are ended. */
  readonly idleTimeout: number;
}

/**
 * Pipes two connections into each other until both have ended. Each direction ends by itself: a
 * half-close is carried through and the other direction goes on. A direction that breaks breaks
 * the other too, with a reset where there can be one: what is cut off must not look complete. But
 * what has come already, from a peer that reads no more, is carried to its end before that.
 *
 * @throws {ProxyError} what broke it off; both connections are closed by then
 */
export function relay(
  client: Connection,
  upstream: Connection,
  options: RelayOptions,
): Promise<void> {
  // to cancel would reset who has sent what could not be written, and has something to be told
  const pipe = { preventCancel: true };
  return bothWays([client, upstream], options, () => [
    client.readable.pipeTo(upstream.writable, pipe),
    upstream.readable.pipeTo(client.writable, pipe),
  ]);
}

/**
 * Does what `relay` does, for bytes that nothing is done with and that need no streams.
 *
 * @throws {ProxyError} like `relay`
 */
export function passOn(
  client: Connection,
  server: Connection,
  options: RelayOptions,
): Promise<void> {
  return bothWays([client, server], options, () => [
    copyBytes(client, server),
    copyBytes(server, client),
  ]);
}

/**
 * Does what `relay` does with what has carried HTTP before.
 *
 * @throws {ProxyError} like `relay`
 */
export async function tunnel(
  client: OpaqueEnd,
  server: OpaqueEnd,
  options: RelayOptions,
): Promise<void> {
  using parting = options.deadlines.watch();
  const answered = async () => {
    await copy(server, client);
    parting.arm(PARTING_MS, () => client.endReads?.());
  };
  await bothWays([client, server], options, () => [copy(client, server), answered()]);
}

async function copy(input: OpaqueEnd, output: OpaqueEnd): Promise<void> {
  for (let bytes; (bytes = await input.read()) !== undefined;) {
    await output.write(bytes);
    // one buffer will do, also for long
    input.release?.();
  }
  await output.endWrites();
}

/** How often within the idle time it is looked at whether something has moved. */
const LOOKS = 4;

/** How long the other direction has for its last words once one is broken. */
const LAST_WORDS_MS = 1_000;

/** How long a client has to end what its server has ended. Its stream counts as open meanwhile. */
const PARTING_MS = 250;

type End = Pick<OpaqueEnd, "bytes" | "taken" | "reset">;

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
  const both = directions();
  try {
    await Promise.all(both);
  } catch (error) {
    const broken = asProxyError(error, "internal");
    const late = Promise.withResolvers<void>();
    deadline.arm(LAST_WORDS_MS, late.resolve);
    await Promise.race([Promise.allSettled(both), late.promise]);
    closeBoth(broken);
    throw broken;
  }
}

/** Rises with what is read of either and with what either takes, also amid a piece. */
function bytesMoved([a, b]: readonly [End, End]): number {
  return a.bytes.read + takenBy(a) + b.bytes.read + takenBy(b);
}

function takenBy({ taken, bytes }: End): number {
  return taken ?? bytes.written;
}

function idleError(ms: number): ProxyError {
  return new ProxyError("idle_timeout", `Nothing was sent for ${ms / 1000} s`);
}
