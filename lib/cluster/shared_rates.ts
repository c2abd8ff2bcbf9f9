import { isSameBytes } from "../core/bytes.ts";
import { rateClock, type RateTable } from "../core/rate_table.ts";
import { type Redis, RedisDown } from "./redis.ts";
import { decodeRates, encodeRates, newSender } from "./rate_message.ts";

/** Milliseconds between two exchanges: for so long replicas do not know of each other's requests. */
const EXCHANGE_MS = 100;
/** Clients of one exchange; of more the others are told in the next ones. */
const MOST_CLIENTS = 2_048;
const CHANNEL = "rates";

/** What numbers clients go by: the same for all replicas, and not to be guessed by strangers. */
export const RATE_SEEDS = { name: "rate-seeds", bytes: 8, period: undefined } as const;

type RateLink = Pick<Redis, "isUp" | "publish" | "subscribe">;
type RateEnd = Pick<RateTable, "news" | "add">;

/**
 * Tells other replicas what clients have taken of `rate_limit` here, and takes what they tell. Redis
 * only passes it on and keeps nothing. Whoever has not been told lets a client have what there is by
 * its own count; what was too much is counted all the same, so the client waits for it afterwards.
 */
export class SharedRates implements Disposable {
  readonly #redis: RateLink;
  readonly #table: RateEnd;
  readonly #me = newSender();
  readonly #timer: ReturnType<typeof setInterval>;
  #telling = false;

  /** To be made before Redis is opened. */
  constructor(redis: RateLink, table: RateEnd) {
    this.#redis = redis;
    this.#table = table;
    redis.subscribe(CHANNEL, (message) => this.#take(message));
    this.#timer = setInterval(() => void this.#tell(), EXCHANGE_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #tell(): Promise<void> {
    if (this.#telling) return;
    const taken = this.#table.news(MOST_CLIENTS);
    // what nobody can be told is each one's own: told later, it would be held against clients twice
    if (taken.length === 0 || !this.#redis.isUp) return;
    this.#telling = true;
    try {
      const message = encodeRates({ sender: this.#me, taken }, nowMicros());
      await this.#redis.publish(CHANNEL, message.toBase64());
    } catch (error) {
      // that it is away is told by whoever watches it
      if (!(error instanceof RedisDown)) throw error;
    } finally {
      this.#telling = false;
    }
  }

  #take(text: string): void {
    const message = parse(text);
    if (message === undefined || isSameBytes(message.sender, this.#me)) return;
    for (const one of message.taken) this.#table.add(one);
  }
}

function parse(text: string) {
  try {
    return decodeRates(Uint8Array.fromBase64(text), nowMicros());
  } catch {
    return undefined;
  }
}

function nowMicros(): bigint {
  return BigInt(Math.round(rateClock() * 1000));
}
