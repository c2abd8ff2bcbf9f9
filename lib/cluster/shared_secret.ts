import { type Redis, RedisDown } from "./redis.ts";
import {
  firstTurn,
  isSameTurn,
  leftBehind,
  newSecret,
  parseTurn,
  type Secret,
  SECRET_SCRIPT,
  type SecretSets,
  type SecretTurn,
  setsOf,
  turned,
} from "./secret_sets.ts";

/** Milliseconds after which a secret is looked at in any case. */
const LOOK_MS = 60_000;

/** What a secret is called, how long it is, and when it is replaced. */
export interface SecretOptions {
  /** What it is called in Redis, behind the prefix. */
  readonly name: string;
  /** How many bytes a set has. */
  readonly bytes: number;
  /** Milliseconds for which a set is in use; as long it is still taken. Undefined for good. */
  readonly period: number | undefined;
}

/** What it takes of Redis. */
export type SecretLink = Pick<Redis, "run" | "subscribe" | "onArrival">;

/**
 * A secret that all replicas have and nobody else: there from the start, the same as that of the
 * others from when Redis has first answered. What will be in use is told ahead of its time, so what
 * one replica seals every other takes. While Redis is away it turns as it would have, and the first
 * of those turns is the same for all.
 */
export class SharedSecret implements Disposable {
  readonly #redis: SecretLink;
  readonly #options: SecretOptions;
  readonly #onChange: (sets: SecretSets) => void;
  #turn: SecretTurn;
  /** When it last turned, by `performance.now`. */
  #since = performance.now();
  /** What others do not have and was in use here, until it is as old as one that has turned. */
  #left: { readonly secret: Secret; readonly until: number } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  /** @param onChange told of every change, for all who use it; to be made before Redis is opened */
  constructor(redis: SecretLink, options: SecretOptions, onChange: (sets: SecretSets) => void) {
    this.#redis = redis;
    this.#options = options;
    this.#onChange = onChange;
    this.#turn = firstTurn(options.bytes);
    // one that is under way may have been answered before
    const lookAgain = async () => {
      await this.#looking;
      await this.look();
    };
    redis.onArrival(() => void lookAgain());
    redis.subscribe(this.#channel, lookAgain);
    this.#wait(options.period ?? LOOK_MS);
  }

  get sets(): SecretSets {
    const sets = setsOf(this.#turn);
    return this.#left === undefined ? sets : [...sets, this.#left.secret];
  }

  /** Takes what the others have, and turns it where it is time; without Redis as well. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  get #channel(): string {
    return `${this.#options.name}:news`;
  }

  async #look(): Promise<void> {
    const { period } = this.#options;
    const shared = await this.#ask();
    if (this.#closed) return;
    if (shared !== undefined) this.#take(shared.turn, performance.now() + shared.left);
    else if (period !== undefined && performance.now() - this.#since >= period) {
      this.#since += period;
      this.#use(turned(this.#turn));
    }
    if (this.#left !== undefined && performance.now() >= this.#left.until) this.#forget();
    this.#wait(period === undefined ? LOOK_MS : this.#since + period - performance.now());
  }

  /** What is shared; undefined while nobody can say. */
  async #ask() {
    const { name, bytes, period = 0 } = this.#options;
    const { inUse, before, next } = this.#turn;
    const own = [inUse.toBase64(), before?.toBase64() ?? "", next.toBase64()];
    const since = Math.max(0, Math.round(performance.now() - this.#since));
    try {
      const answer = await this.#redis.run(SECRET_SCRIPT, {
        keys: [name, this.#channel],
        values: [String(period), newSecret(bytes).toBase64(), ...own, String(since)],
      });
      return parseTurn(answer, bytes);
    } catch (error) {
      // that it is away is told by whoever watches it
      if (error instanceof RedisDown) return undefined;
      throw error;
    }
  }

  #take(turn: SecretTurn, due: number): void {
    const { period = 0 } = this.#options;
    this.#since = due - period;
    if (isSameTurn(turn, this.#turn)) return;
    const secret = leftBehind(this.#turn, turn);
    if (secret !== undefined) {
      this.#left = { secret, until: performance.now() + (period || Infinity) };
    }
    this.#use(turn);
  }

  #use(turn: SecretTurn): void {
    this.#turn = turn;
    this.#onChange(this.sets);
  }

  #forget(): void {
    this.#left = undefined;
    this.#onChange(this.sets);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.look(), Math.min(Math.max(ms, 100), LOOK_MS));
  }
}
