import { messageOf } from "../core/errors.ts";
import { agreeing, plural } from "../core/plural.ts";
import { within } from "../io/within.ts";
import { type ByteOutput, countLines, isGone, LF, writeAll, WriteFailed } from "./write_all.ts";

/** Bounds of a line writer; each has a default. */
export interface LineWriterOptions {
  /** Bytes that may wait for the reader; what comes beyond them is dropped. */
  readonly limit?: number;
  /** Milliseconds that `close()` waits for the reader to take what is left. */
  readonly closeTimeout?: number;
  /** Whether a reader that is gone (`EPIPE`) has read enough, and ends it without a word. */
  readonly endsWithReader?: boolean;
  /**
   * The line that tells, once there is room again, how many lines were dropped.
   *
   * @param reason why they could not be written; undefined where the reader was too slow
   */
  readonly droppedLine?: (count: number, reason: string | undefined) => string;
  /** Called when writing fails, once until it goes on. */
  readonly onFailure?: (reason: string) => void;
}

/** Lines that nobody gets. */
export interface DroppedLines {
  readonly count: number;
  /** Why they could not be written; undefined where the reader was too slow. */
  readonly reason: string | undefined;
}

/** Takes lines without ever waiting for whoever reads them. */
export interface LineWriter {
  /** Queues one line, without its newline; never blocks and never throws. */
  write(line: string): void;
  /** Counts and tells lines that were to go to the same output, but could not. */
  lost(count: number, reason: string): void;
  /** Counts and tells what another writer has dropped and could not tell. */
  takeOver(dropped: DroppedLines): void;
  /** What it has dropped and not told yet. */
  readonly untold: DroppedLines;
  /** How many lines were dropped so far. */
  readonly dropped: number;
  /** Bounds what waits from here on, where it was not bounded. */
  bound(): void;
  /** Writes what is queued, for at most the close timeout; what comes later is ignored. */
  close(): Promise<void>;
}

/** Milliseconds between two writes of a busy log. */
const BETWEEN_WRITES_MS = 50;
/**
 * Milliseconds after which writing is tried again, where it failed: a full disk may pass, and a
 * named pipe may have a reader again.
 */
const AGAIN_MS = 1_000;
/** Bytes that may wait, unless something else is said. */
const LIMIT = 1 << 20;
/** Milliseconds that `close()` waits, unless something else is said. */
const CLOSE_MS = 1_000;

/**
 * A writer whose memory is bounded however slow the reader is: a stopped `less` must stop neither
 * the proxy nor its event loop.
 *
 * A line after a pause leaves at once. Those that follow are collected for a short while: a write
 * costs as much as twenty lines, as the runtime does it on another thread.
 */
export function openLineWriter(output: ByteOutput, options: LineWriterOptions = {}): LineWriter {
  let { limit = LIMIT, closeTimeout = CLOSE_MS } = options;
  const { droppedLine = sayDropped, onFailure = () => {}, endsWithReader = false } = options;
  let queue = new LineBuffer();
  /** Empty, to take the place of the one that is being written. */
  let spare = new LineBuffer();
  /** Characters queued and on their way; lines are ASCII but for a few, so these are bytes. */
  let waiting = 0;
  /** Not told yet. */
  let dropped = 0;
  let droppedInAll = 0;
  /** Why those that are not told yet could not be written; undefined for a reader too slow. */
  let reason: string | undefined;
  let failing = false;
  let flushing: Promise<void> | undefined;
  let over = false;
  let closing = false;
  /** Ends the wait for more lines. */
  let hurry: (() => void) | undefined;

  function write(line: string): void {
    if (over) return;
    // Once one was dropped all are until the gap has been told: lines keep their order.
    if (dropped > 0 || waiting + line.length >= limit) {
      drop(1);
    } else {
      push(line);
    }
    flushing ??= flush();
    // what waits is to stay far below the limit
    if (waiting > limit / 8) hurry?.();
  }

  function drop(lines: number): void {
    dropped += lines;
    droppedInAll += lines;
  }

  function lost(count: number, why: string): void {
    if (over) return;
    drop(count);
    fail(why);
    flushing ??= flush();
  }

  function takeOver(others: DroppedLines): void {
    if (over || others.count === 0) return;
    drop(others.count);
    reason ??= others.reason;
    flushing ??= flush();
  }

  function fail(why: string): void {
    if (!failing || why !== reason) onFailure(why);
    reason = why;
    failing = true;
  }

  function push(line: string): void {
    queue.add(line);
    waiting += line.length + 1;
  }

  async function flush(): Promise<void> {
    await nextTurn();
    while (queue.lines > 0 || dropped > 0) {
      const untold = dropped;
      const { lines } = queue;
      if (untold > 0) push(droppedLine(untold, reason));
      const batch = queue;
      const size = waiting;
      queue = spare;
      dropped = 0;
      try {
        await writeAll(output, batch.bytes);
        failing = false;
        if (dropped === 0) reason = undefined;
      } catch (error) {
        // who has given up on it has closed it
        if (over) return;
        if (endsWithReader && isGone(error)) return silence();
        const taken = error instanceof WriteFailed ? error.taken : 0;
        drop(lines - countLines(batch.bytes.subarray(0, taken)));
        dropped += untold;
        fail(messageOf(error));
      }
      waiting -= size;
      spare = batch.emptied();
      if (failing && closing) break;
      await pause(failing ? AGAIN_MS : BETWEEN_WRITES_MS);
    }
    flushing = undefined;
  }

  /** Waits for more lines, or for what failed to pass, but for no longer than it has to. */
  async function pause(ms: number): Promise<void> {
    if (over || closing || waiting > limit / 8) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    hurry = resolve;
    await promise;
    clearTimeout(timer);
    hurry = undefined;
  }

  function silence(): void {
    over = true;
    queue.emptied();
  }

  async function close(): Promise<void> {
    closing = true;
    hurry?.();
    if (flushing !== undefined) await within(flushing, closeTimeout, () => {});
    over = true;
  }

  return {
    write,
    lost,
    takeOver,
    close,
    bound() {
      limit = Math.min(limit, LIMIT);
      closeTimeout = Math.min(closeTimeout, CLOSE_MS);
    },
    get dropped() {
      return droppedInAll;
    },
    get untold() {
      return { count: dropped, reason };
    },
  };
}

/**
 * Lines as bytes. A line that waits as text keeps all the pieces that it was put together from, and
 * the collector of garbage has to carry them along: that cost more than all the rest of a log.
 */
class LineBuffer {
  lines = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #used = 0;

  add(line: string): void {
    // a character is three bytes at the most
    const needed = this.#used + 3 * line.length + 1;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    this.#used += encoder.encodeInto(line, this.#bytes.subarray(this.#used)).written;
    this.#bytes[this.#used++] = LF;
    this.lines++;
  }

  /** Each with its newline. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  emptied(): this {
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(FIRST_BYTES);
    this.#used = 0;
    this.lines = 0;
    return this;
  }
}

/** Bytes of a buffer at the beginning: it is never smaller. */
const FIRST_BYTES = 4 * 1024;
/** Bytes of a buffer that is kept: it takes a burst to need more. */
const KEPT_BYTES = 1 << 19;
const encoder = new TextEncoder();

function sayDropped(count: number, reason = "they were not read fast enough"): string {
  return `${plural(count, "line")} ${agreeing(count, "was", "were")} dropped: ${reason}`;
}

/** A timer and not a microtask: lines of one turn are to leave together. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
