import { messageOf } from "../core/errors.ts";
import { agreeing, plural } from "../core/plural.ts";
import { within } from "../io/within.ts";
import { LineBuffer } from "./line_buffer.ts";
import { type ByteOutput, countLines, isGone, writeAll, WriteFailed } from "./write_all.ts";

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
  return new QueuedLines(output, options);
}

class QueuedLines implements LineWriter {
  readonly #output: ByteOutput;
  readonly #droppedLine: NonNullable<LineWriterOptions["droppedLine"]>;
  readonly #onFailure: (reason: string) => void;
  readonly #endsWithReader: boolean;
  #limit: number;
  #closeTimeout: number;
  #queue = new LineBuffer();
  /** Empty, to take the place of the one that is being written. */
  #spare = new LineBuffer();
  /** Characters queued and on their way; lines are ASCII but for a few, so these are bytes. */
  #waiting = 0;
  /** Not told yet. */
  #untold = 0;
  #dropped = 0;
  /** Why those that are not told yet could not be written; undefined for a reader too slow. */
  #reason: string | undefined;
  #isFailing = false;
  #flushing: Promise<void> | undefined;
  #isOver = false;
  #isClosing = false;
  /** Ends the wait for more lines. */
  #hurry: (() => void) | undefined;

  constructor(
    output: ByteOutput,
    {
      limit = LIMIT,
      closeTimeout = CLOSE_MS,
      droppedLine = sayDropped,
      onFailure = () => {},
      endsWithReader = false,
    }: LineWriterOptions,
  ) {
    this.#output = output;
    this.#limit = limit;
    this.#closeTimeout = closeTimeout;
    this.#droppedLine = droppedLine;
    this.#onFailure = onFailure;
    this.#endsWithReader = endsWithReader;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get untold(): DroppedLines {
    return { count: this.#untold, reason: this.#reason };
  }

  write(line: string): void {
    if (this.#isOver) return;
    // Once one was dropped all are until the gap has been told: lines keep their order.
    if (this.#untold > 0 || this.#waiting + line.length >= this.#limit) this.#drop(1);
    else this.#push(line);
    this.#flushing ??= this.#flush();
    if (this.#isFull) this.#hurry?.();
  }

  lost(count: number, reason: string): void {
    if (this.#isOver) return;
    this.#drop(count);
    this.#fail(reason);
    this.#flushing ??= this.#flush();
  }

  takeOver({ count, reason }: DroppedLines): void {
    if (this.#isOver || count === 0) return;
    this.#drop(count);
    this.#reason ??= reason;
    this.#flushing ??= this.#flush();
  }

  bound(): void {
    this.#limit = Math.min(this.#limit, LIMIT);
    this.#closeTimeout = Math.min(this.#closeTimeout, CLOSE_MS);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#hurry?.();
    if (this.#flushing !== undefined) await within(this.#flushing, this.#closeTimeout, () => {});
    this.#isOver = true;
  }

  /** Whether so much waits that it is written at once: it is to stay far below the limit. */
  get #isFull(): boolean {
    return this.#waiting > this.#limit / 8;
  }

  #push(line: string): void {
    this.#queue.add(line);
    this.#waiting += line.length + 1;
  }

  #drop(lines: number): void {
    this.#untold += lines;
    this.#dropped += lines;
  }

  #fail(reason: string): void {
    if (!this.#isFailing || reason !== this.#reason) this.#onFailure(reason);
    this.#reason = reason;
    this.#isFailing = true;
  }

  async #flush(): Promise<void> {
    await nextTurn();
    while (this.#queue.lines > 0 || this.#untold > 0) {
      const untold = this.#untold;
      const { lines } = this.#queue;
      if (untold > 0) this.#push(this.#droppedLine(untold, this.#reason));
      const batch = this.#queue;
      const size = this.#waiting;
      this.#queue = this.#spare;
      this.#untold = 0;
      try {
        await writeAll(this.#output, batch.bytes);
        this.#isFailing = false;
        if (this.#untold === 0) this.#reason = undefined;
      } catch (error) {
        // who has given up on it has closed it
        if (this.#isOver) return;
        if (this.#endsWithReader && isGone(error)) return this.#silence();
        const taken = error instanceof WriteFailed ? error.taken : 0;
        this.#drop(lines - countLines(batch.bytes.subarray(0, taken)));
        this.#untold += untold;
        this.#fail(messageOf(error));
      }
      this.#waiting -= size;
      this.#spare = batch.emptied();
      if (this.#isFailing && this.#isClosing) break;
      await this.#pause(this.#isFailing ? AGAIN_MS : BETWEEN_WRITES_MS);
    }
    this.#flushing = undefined;
  }

  /** Waits for more lines, or for what failed to pass, but for no longer than it has to. */
  async #pause(ms: number): Promise<void> {
    if (this.#isOver || this.#isClosing || this.#isFull) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#hurry = resolve;
    await promise;
    clearTimeout(timer);
    this.#hurry = undefined;
  }

  #silence(): void {
    this.#isOver = true;
    this.#queue.emptied();
  }
}

function sayDropped(count: number, reason = "they were not read fast enough"): string {
  return `${plural(count, "line")} ${agreeing(count, "was", "were")} dropped: ${reason}`;
}

/** A timer and not a microtask: lines of one turn are to leave together. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
