/** What the queue knows of a stream. */
export interface Queued {
  readonly id: number;
  /** RFC 9218; not changed while it is queued. */
  urgency: number;
  incremental: boolean;
  /** So far; not changed while it is queued. */
  readonly bytesSent: number;
  /** Whether it is in the queue. */
  queued: boolean;
}

/**
 * The streams that have something to send and are allowed to, in the order in which they may (RFC
 * 9218, section 10): lower urgency first; among equals those that have sent little, so that what is
 * small does not wait behind what is large; among these again those that are not incremental, one
 * after the other by their identifier, then the incremental ones, which take turns.
 */
export class SendQueue<Stream extends Queued> {
  readonly #byUrgency: Stream[][] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Does nothing where it is in the queue already. */
  add(stream: Stream): void {
    if (stream.queued) return;
    stream.queued = true;
    this.#count++;
    const level = this.#byUrgency[stream.urgency] ??= [];
    level.splice(placeOf(stream, level), 0, stream);
  }

  remove(stream: Stream): void {
    if (!stream.queued) return;
    stream.queued = false;
    this.#count--;
    const level = this.#byUrgency[stream.urgency] as Stream[];
    level.splice(level.indexOf(stream), 1);
  }

  /** Takes out whose turn it is; who has more to send is added again. */
  take(): Stream | undefined {
    for (let urgency = 0; urgency < this.#byUrgency.length; urgency++) {
      const stream = this.#byUrgency[urgency]?.shift();
      if (stream === undefined) continue;
      stream.queued = false;
      this.#count--;
      return stream;
    }
    return undefined;
  }
}

/** From so much on an answer is large. */
const LARGE_BYTES = 64 * 1024;

function placeOf<Stream extends Queued>(stream: Stream, level: readonly Stream[]): number {
  const rank = rankOf(stream);
  let place = level.length;
  for (; place > 0; place--) {
    const other = level[place - 1] as Stream;
    const otherRank = rankOf(other);
    if (otherRank < rank) break;
    if (otherRank === rank && (stream.incremental || other.id < stream.id)) break;
  }
  return place;
}

function rankOf({ bytesSent, incremental }: Queued): number {
  return (bytesSent < LARGE_BYTES ? 0 : 2) + (incremental ? 1 : 0);
}
