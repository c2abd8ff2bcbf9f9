import type { Taken } from "../core/rate_log.ts";

/** Who tells: a random number for each replica. */
const SENDER_BYTES = 16;
/** Key, sum, and `alone` as microseconds from now on: clocks of replicas need not agree. */
const ENTRY_BYTES = 24;

type Bytes = Uint8Array<ArrayBuffer>;

/** What one replica has taken of rates, to be told to the others. */
export interface RateMessage {
  readonly sender: Bytes;
  readonly taken: readonly Taken[];
}

/** A name for a replica that no other has, for its life. */
export function newSender(): Bytes {
  return crypto.getRandomValues(new Uint8Array(SENDER_BYTES));
}

/** @param now in microseconds */
export function encodeRates({ sender, taken }: RateMessage, now: bigint): Bytes {
  const bytes = new Uint8Array(SENDER_BYTES + taken.length * ENTRY_BYTES);
  bytes.set(sender);
  const view = new DataView(bytes.buffer);
  taken.forEach(({ key, sum, alone }, index) => {
    const at = SENDER_BYTES + index * ENTRY_BYTES;
    view.setBigInt64(at, key);
    view.setBigInt64(at + 8, sum);
    view.setBigInt64(at + 16, alone - now);
  });
  return bytes;
}

/**
 * What a replica has told; undefined where it is no such message.
 *
 * @param now in microseconds, by the clock of whoever reads it
 */
export function decodeRates(bytes: Bytes, now: bigint): RateMessage | undefined {
  const rest = bytes.length - SENDER_BYTES;
  if (rest < 0 || rest % ENTRY_BYTES !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const taken: Taken[] = [];
  for (let at = SENDER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const key = view.getBigInt64(at);
    const sum = view.getBigInt64(at + 8);
    const ahead = view.getBigInt64(at + 16);
    if (key === 0n || !isSpan(sum) || sum < 0n || !isSpan(ahead)) return undefined;
    taken.push({ key, sum, alone: now + ahead });
  }
  return { sender: bytes.slice(0, SENDER_BYTES), taken };
}

/** A century in microseconds: nobody has taken that much, and sums of it are far from 64 bits. */
const MOST_SPAN = 100n * 365n * 86_400n * 1_000_000n;

function isSpan(micros: bigint): boolean {
  return micros >= -MOST_SPAN && micros <= MOST_SPAN;
}
