import { NO_CHALLENGES, type PendingChallenges } from "../acme/challenges.ts";
import { isObject, parseObject } from "../core/json_object.ts";
import { type Redis, RedisDown } from "./redis.ts";

/** Milliseconds for the others to take what a CA may ask them. */
const TAKEN_MS = 2_000;
/** Milliseconds after which what a replica has said counts for nothing: it may have gone. */
const KEPT_MS = 10 * 60_000;

const PENDING = "acme:pending";
const TAKEN = "acme:taken";
/** Asks what is pending with others. */
const ASKED = "acme:asked";
/** Of what is told because somebody has asked: nobody waits for it to be taken. */
const NO_NUMBER = 0;

interface Told {
  readonly from: string;
  readonly number: number;
  readonly pending: PendingChallenges;
}

/** What it takes of Redis. */
type ChallengesLink = Pick<Redis, "publish" | "subscribe" | "onArrival">;

/**
 * The challenges of all replicas: a CA that looks at a name may meet any of them. Each tells the
 * others what is pending with it, and goes on once they answer so too. Who comes later asks.
 */
export class SharedChallenges {
  readonly #redis: ChallengesLink;
  readonly #publish: (pending: PendingChallenges) => Promise<void>;
  readonly #me = crypto.randomUUID();
  readonly #others = new Map<string, { pending: PendingChallenges; until: number }>();
  #own: PendingChallenges = NO_CHALLENGES;
  #number = NO_NUMBER;
  #taken = { number: 0, count: 0, wanted: Infinity, done: () => {} };

  /** @param publish has all workers here answer; to be made before Redis is opened */
  constructor(
    redis: ChallengesLink,
    publish: (pending: PendingChallenges) => Promise<void>,
  ) {
    this.#redis = redis;
    this.#publish = publish;
    redis.subscribe(PENDING, (message) => void this.#take(message));
    redis.subscribe(TAKEN, (message) => this.#confirmed(message));
    redis.subscribe(ASKED, () => void this.#tellAgain());
    redis.onArrival(() => void redis.publish(ASKED, this.#me).catch(() => {}));
  }

  /** What is pending here: settles once all who can be reached answer so. */
  async put(pending: PendingChallenges): Promise<void> {
    this.#own = pending;
    await this.#serve();
    const number = ++this.#number;
    const all = Promise.withResolvers<void>();
    const timer = setTimeout(all.resolve, TAKEN_MS);
    this.#taken = { number, count: 0, wanted: Infinity, done: all.resolve };
    try {
      const told: Told = { from: this.#me, number, pending };
      // one of those who were told is this one
      this.#taken.wanted = await this.#redis.publish(PENDING, JSON.stringify(told)) - 1;
      if (this.#taken.count >= this.#taken.wanted) return;
      await all.promise;
    } catch (error) {
      if (!(error instanceof RedisDown)) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #tellAgain(): Promise<void> {
    const { tokens, certificates } = this.#own;
    if (Object.keys(tokens).length + Object.keys(certificates).length === 0) return;
    const told: Told = { from: this.#me, number: NO_NUMBER, pending: this.#own };
    await this.#redis.publish(PENDING, JSON.stringify(told)).catch(() => {});
  }

  async #take(message: string): Promise<void> {
    const told = parseTold(message);
    if (told === undefined || told.from === this.#me) return;
    const now = Date.now();
    for (const [from, { until }] of this.#others) if (until < now) this.#others.delete(from);
    this.#others.set(told.from, { pending: told.pending, until: now + KEPT_MS });
    await this.#serve();
    const { from, number } = told;
    await this.#redis.publish(TAKEN, JSON.stringify({ from, number })).catch(() => {});
  }

  #confirmed(message: string): void {
    const told = parseObject(message);
    if (told?.from !== this.#me || told.number === NO_NUMBER) return;
    if (told.number !== this.#taken.number) return;
    this.#taken.count++;
    if (this.#taken.count >= this.#taken.wanted) this.#taken.done();
  }

  #serve(): Promise<void> {
    const all = [...this.#others.values()].map(({ pending }) => pending);
    return this.#publish([this.#own, ...all].reduce((sum, { tokens, certificates }) => ({
      tokens: { ...sum.tokens, ...tokens },
      certificates: { ...sum.certificates, ...certificates },
    })));
  }
}

/** @returns undefined where it is none: what another has told must not end this one */
function parseTold(message: string): Told | undefined {
  const { from, number, pending } = parseObject(message) ?? {};
  if (typeof from !== "string" || typeof number !== "number" || !isObject(pending)) {
    return undefined;
  }
  const { tokens, certificates } = pending;
  if (!isObject(tokens) || !isObject(certificates)) return undefined;
  const isWhole = Object.values(tokens).every(isText) &&
    Object.values(certificates).every((one) =>
      isObject(one) && isText(one.chain) && isText(one.key)
    );
  return isWhole ? { from, number, pending: pending as unknown as PendingChallenges } : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
