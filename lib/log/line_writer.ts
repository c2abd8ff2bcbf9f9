/** Where the lines go: `Deno.stdout`, `Deno.stderr`, or a stand-in. */
export interface ByteOutput {
  /** Takes some of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Bounds of a line writer; each has a default. */
export interface LineWriterOptions {
  /** Bytes that may wait for the reader; what comes beyond them is dropped. */
  readonly limit?: number;
  /** Milliseconds that `close()` waits for the reader to take what is left. */
  readonly closeTimeout?: number;
  /** The line that tells, once there is room again, how many lines were dropped. */
  readonly droppedLine?: (count: number) => string;
}

/** Takes lines without ever waiting for whoever reads them. */
export interface LineWriter {
  /** Queues one line, without its newline; never blocks and never throws. */
  write(line: string): void;
  /** How many lines were dropped so far. */
  readonly dropped: number;
  /** Writes what is queued, for at most the close timeout; what comes later is ignored. */
  close(): Promise<void>;
}

/** Milliseconds between two writes of a busy log. */
const BETWEEN_WRITES_MS = 50;

/**
 * A writer whose memory is bounded however slow the reader is: a stopped `less` must stop neither
 * the proxy nor its event loop.
 *
 * A line after a pause leaves at once. Those that follow are collected for a short while: a write
 * costs as much as twenty lines, as the runtime does it on another thread.
 *
 * A reader that is gone (`EPIPE`) silences the writer; nothing else happens.
 */
export function openLineWriter(output: ByteOutput, options: LineWriterOptions = {}): LineWriter {
  const { limit = 1 << 20, closeTimeout = 1000, droppedLine = sayDropped } = options;
  let queue = new LineBuffer();
  /** Empty, to take the place of the one that is being written. */
  let spare = new LineBuffer();
  /** Characters queued and on their way; lines are ASCII but for a few, so these are bytes. */
  let waiting = 0;
  /** Not told yet. */
  let dropped = 0;
  let droppedInAll = 0;
  let flushing: Promise<void> | undefined;
  let over = false;
  let closing = false;
  /** Ends the wait for more lines. */
  let hurry: (() => void) | undefined;

  function write(line: string): void {
    if (over) return;
    // Once one was dropped all are until the gap has been told: lines keep their order.
    if (dropped > 0 || waiting + line.length >= limit) {
      dropped++;
      droppedInAll++;
    } else {
      push(line);
    }
    flushing ??= flush();
    // what waits is to stay far below the limit
    if (waiting > limit / 8) hurry?.();
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
      if (untold > 0) push(droppedLine(untold));
      const batch = queue;
      const size = waiting;
      queue = spare;
      dropped = 0;
      try {
        await writeAll(output, batch.bytes);
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) return silence();
        // Such as a full disk: it may pass, so the next line tries again.
        dropped += untold + lines;
        droppedInAll += lines;
        waiting -= size;
        spare = batch.emptied();
        break;
      }
      waiting -= size;
      spare = batch.emptied();
      await collect();
    }
    flushing = undefined;
  }

  /** Waits for more lines, but for no longer than it has to. */
  async function collect(): Promise<void> {
    if (over || closing || waiting > limit / 8) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, BETWEEN_WRITES_MS);
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
    if (flushing !== undefined) await atMost(flushing, closeTimeout);
    over = true;
  }

  return {
    write,
    close,
    get dropped() {
      return droppedInAll;
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
const LF = 0x0a;
const encoder = new TextEncoder();

function sayDropped(count: number): string {
  return `${count} lines were dropped: they were not read fast enough`;
}

/** A timer and not a microtask: lines of one turn are to leave together. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function writeAll(output: ByteOutput, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await output.write(rest));
}

async function atMost(task: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([task, timeout]);
  clearTimeout(timer);
}
