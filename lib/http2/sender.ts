import type { ConnectionBudgets } from "./budgets.ts";
import { FrameWriter, OUTPUT_BYTES } from "./frame_writer.ts";
import { HeaderEncoder } from "./hpack/encoder.ts";
import type { PutField } from "../http/message.ts";
import { SendQueue } from "./send_queue.ts";
import type { Stream } from "./stream.ts";
import { DEFAULT_FRAME_BYTES, DEFAULT_WINDOW, FRAME_HEADER_BYTES } from "./wire.ts";
import { SendWindow } from "./window.ts";

/** What a `Sender` tells of. */
export interface SenderEvents<Owner> {
  /** All that waited on a stream is framed: its bytes are free, and more may follow. */
  taken(stream: Stream<Owner>): void;
  /** The last of a stream is framed. */
  sentEnd(stream: Stream<Owner>): void;
}

/** Gives the fields of a head, in order: names in lower case, none that frames or connections say. */
export type FieldSource = (put: PutField) => void;

/** Frames what is sent, as far as windows, queue and output allow. */
export class Sender<Owner> {
  readonly writer = new FrameWriter();
  readonly window = new SendWindow(DEFAULT_WINDOW);
  /** Bytes of bodies that were framed, of all streams. */
  framed = 0;
  readonly #encoder = new HeaderEncoder();
  readonly #queue = new SendQueue<Stream<Owner>>();
  readonly #events: SenderEvents<Owner>;
  readonly #budgets: ConnectionBudgets;

  constructor(events: SenderEvents<Owner>, budgets: ConnectionBudgets) {
    this.#events = events;
    this.#budgets = budgets;
  }

  /** Whether something can be framed that waits. */
  get isReady(): boolean {
    return !this.#queue.isEmpty && this.window.available > 0;
  }

  limitTable(bytes: number): void {
    this.#encoder.limitTable(bytes);
  }

  /** A header block: pseudo-fields, then fields. Data that wait on the stream must be taken before. */
  head(
    stream: Stream<Owner>,
    { pseudo, fields, ended }: {
      pseudo: readonly (readonly [name: string, value: string])[];
      fields: FieldSource;
      ended: boolean;
    },
  ): void {
    const encoder = this.#encoder;
    encoder.begin();
    for (const [name, value] of pseudo) encoder.put(name, value);
    fields(encoder.put);
    const { block, length } = encoder;
    stream.bytesSent += FRAME_HEADER_BYTES + length;
    this.writer.headers(stream.id, { block, length, ended });
    if (ended) this.#events.sentEnd(stream);
  }

  /**
   * Frames bytes, or has the stream wait with them.
   *
   * @returns whether all are framed; if not they must stay as they are until `taken`
   */
  data(
    stream: Stream<Owner>,
    bytes: Uint8Array,
    from: number,
    to: number,
    ended: boolean,
  ): boolean {
    stream.waiting = bytes;
    stream.from = from;
    stream.to = to;
    stream.endsWaiting = ended;
    if (from === to || (this.#queue.isEmpty && this.writer.length < OUTPUT_BYTES)) {
      this.#frame(stream, OUTPUT_BYTES);
    }
    if (stream.waiting === undefined) return true;
    this.wake(stream);
    return false;
  }

  /** A stream may be allowed to send what waits on it. */
  wake(stream: Stream<Owner>): void {
    if (stream.waiting !== undefined && stream.sendWindow.available > 0) this.#queue.add(stream);
  }

  /** A stream is over, and what waits on it is not sent. */
  drop(stream: Stream<Owner>): void {
    this.#queue.remove(stream);
    stream.waiting = undefined;
  }

  /** A stream's place in the queue follows its priority. */
  prioritize(stream: Stream<Owner>, urgency: number, incremental: boolean): void {
    const wasQueued = stream.queued;
    this.#queue.remove(stream);
    stream.urgency = urgency;
    stream.incremental = incremental;
    if (wasQueued) this.#queue.add(stream);
  }

  /** Frames what waits, in its order, until there is enough output for now. */
  fill(): void {
    while (this.writer.length < OUTPUT_BYTES && this.window.available > 0) {
      const stream = this.#queue.take();
      if (stream === undefined) return;
      this.#frame(stream, stream.incremental ? DEFAULT_FRAME_BYTES : OUTPUT_BYTES);
      if (stream.waiting === undefined) this.#events.taken(stream);
      else this.wake(stream);
    }
  }

  /** Frames up to about `most` bytes of what waits on a stream; all of it gone, nothing waits. */
  #frame(stream: Stream<Owner>, most: number): void {
    const bytes = stream.waiting as Uint8Array;
    const { sendWindow, to } = stream;
    let left = most;
    for (;;) {
      const { from } = stream;
      const room = Math.min(this.window.available, sendWindow.available, DEFAULT_FRAME_BYTES);
      const length = Math.min(to - from, Math.max(0, room));
      if (length === 0 && from < to) return;
      const isLast = from + length === to;
      const ended = isLast && stream.endsWaiting;
      this.writer.data(stream.id, { bytes, from, to: from + length, ended });
      stream.bytesSent += FRAME_HEADER_BYTES + length;
      this.framed += length;
      this.window.take(length);
      sendWindow.take(length);
      this.#budgets.earnSent(length);
      stream.from += length;
      left -= length;
      if (isLast) {
        // a frame that a small window has cut says nothing of who deserves to acknowledge it
        this.#budgets.earnAcknowledgement();
        stream.waiting = undefined;
        if (ended) this.#events.sentEnd(stream);
        return;
      }
      if (left <= 0 || this.writer.length >= OUTPUT_BYTES) return;
    }
  }
}
