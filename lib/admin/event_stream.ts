/** Sends the same to everybody who listens, as server-sent events (HTML, section 9.2). */
export class EventStream {
  readonly #readers = new Set<ReadableStreamDefaultController<Uint8Array>>();

  get readers(): number {
    return this.#readers.size;
  }

  /** A reader's stream. @param first what it is sent at once */
  open(first: { readonly event: string; readonly data: unknown }): ReadableStream<Uint8Array> {
    let reader: ReadableStreamDefaultController<Uint8Array>;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        reader = controller;
        this.#readers.add(controller);
        controller.enqueue(encode(first.event, first.data));
      },
      cancel: () => void this.#readers.delete(reader),
    }, { highWaterMark: WAITING });
  }

  /** A reader that has stopped reading misses some: what waits for it is bounded. */
  send(event: string, data: unknown): void {
    if (this.#readers.size === 0) return;
    const bytes = encode(event, data);
    for (const reader of this.#readers) if ((reader.desiredSize ?? 0) > 0) reader.enqueue(bytes);
  }

  /** Ends all streams. */
  close(): void {
    for (const reader of this.#readers) reader.close();
    this.#readers.clear();
  }
}

/** Events that may wait for a reader. */
const WAITING = 16;

const encoder = new TextEncoder();

function encode(event: string, data: unknown): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
