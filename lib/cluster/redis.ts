import { messageOf } from "../core/errors.ts";

/** Where replicas meet: a Redis or Valkey. */
export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** PEM of the CA of its certificate; undefined for the system's. */
  readonly ca?: string | undefined;
  readonly password: string | undefined;
  /** In front of every key and channel. */
  readonly prefix: string;
}

/** Milliseconds for an answer: whoever is slower counts as down. */
const ANSWER_MS = 2_000;
const NO_ANSWER = `No answer within ${ANSWER_MS / 1000} s`;
/** Milliseconds between two tries to connect. */
const RECONNECT_MS = 1_000;
/**
 * Milliseconds after which connections that are of no use are left for new ones: those to a machine
 * that is gone without a word would be held for a quarter of an hour, whoever has its place by then.
 */
const ANEW_MS = 10_000;
/** What a primary that has become a replica says to all that would change something. */
const READ_ONLY = "READONLY";

/** Redis does not answer, or not in time. */
export class RedisDown extends Error {
  override readonly name = "RedisDown";
}

type Library = typeof import("@redis/client");
type Client = ReturnType<Library["createClient"]>;

/**
 * A Redis that may come and go: commands fail at once while it is away, and it is connected to again
 * and again. Nothing that a client waits for depends on it.
 */
export class Redis implements Disposable {
  readonly #options: RedisOptions;
  readonly #onChange: (state: "up" | "down", reason: string) => void;
  readonly #channels = new Map<string, (message: string) => void>();
  #library: Library | undefined;
  #client: Client | undefined;
  #subscriber: Client | undefined;
  /** Connects anew while it is down. */
  #again: ReturnType<typeof setInterval> | undefined;
  #state: "up" | "down" | undefined;
  readonly #arrivals: (() => void)[] = [];
  /** What it has refused, by its own words' first: told once, and what it was that it refused so. */
  readonly #refused = new Map<string, string>();
  /** When it was connected to last, on the clock of `performance.now()`. */
  #connected = 0;
  /** Connects anew where it is the primary no more. */
  #seeking: ReturnType<typeof setTimeout> | undefined;

  /** @param onChange called when it has come or gone, or refuses, once for each */
  constructor(options: RedisOptions, onChange: (state: "up" | "down", reason: string) => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** Whether it has answered lately. */
  get isUp(): boolean {
    return this.#state === "up";
  }

  /**
   * Begins to connect, and settles after the first try, be it in vain, or after `ANSWER_MS`.
   */
  async open(): Promise<void> {
    this.#library = await import("@redis/client");
    const first = Promise.withResolvers<void>();
    this.#connect(this.#library).then(first.resolve);
    // one that is connected to and says nothing is no error yet
    const timer = setTimeout(() => {
      this.#turn("down", NO_ANSWER);
      first.resolve();
    }, ANSWER_MS);
    await first.promise;
    clearTimeout(timer);
  }

  /** Connects in the place of the connections there are; settles after the first try. */
  #connect({ createClient }: Library): Promise<void> {
    this.#leave();
    this.#connected = performance.now();
    const { host, port, tls, ca, password } = this.#options;
    const client = createClient({
      ...(password === undefined ? {} : { password }),
      disableOfflineQueue: true,
      // what a Redis of that company tells of its moves: to ask for it, the library looks the name
      // up, for which a process takes the permission for all ports of the host
      maintNotifications: "disabled",
      socket: {
        host,
        port,
        ...(tls ? { tls: true as const, ...(ca === undefined ? {} : { ca }) } : {}),
        connectTimeout: ANSWER_MS,
        reconnectStrategy: () => RECONNECT_MS,
      },
    });
    const subscriber = client.duplicate();
    this.#client = client as Client;
    this.#subscriber = subscriber as Client;
    const first = Promise.withResolvers<void>();
    for (const one of [client, subscriber]) {
      one.on("error", (error: unknown) => {
        // one that was left says nothing of those in its place
        if (this.#client === client) this.#turn("down", messageOf(error));
      });
      // one that was left while it connected is there nevertheless
      one.on("connect", () => this.#client !== client && one.destroy());
      one.on("ready", () => void this.#arrived());
    }
    for (const event of ["ready", "error"]) subscriber.once(event, () => first.resolve());
    client.connect().then(() => subscriber.connect()).catch(() => {});
    client.once("error", () => first.resolve());
    return first.promise;
  }

  #leave(): void {
    for (const client of [this.#client, this.#subscriber]) {
      try {
        client?.destroy();
      } catch {
        // it was not connected
      }
    }
    this.#client = this.#subscriber = undefined;
  }

  /** @throws {RedisDown} */
  async get(key: string): Promise<string | undefined> {
    const name = this.#name(key);
    return await this.#ask(`get ${key}`, (client) => client.get(name)) as string | undefined ??
      undefined;
  }

  /** @param ms for how long it is kept @throws {RedisDown} */
  async set(key: string, value: string, ms?: number): Promise<void> {
    const expiration = ms === undefined ? {} : { expiration: { type: "PX", value: ms } as const };
    await this.#ask(`set ${key}`, (client) => client.set(this.#name(key), value, expiration));
  }

  /** @throws {RedisDown} */
  async remove(key: string): Promise<void> {
    await this.#ask(`del ${key}`, (client) => client.del(this.#name(key)));
  }

  /** Sets what is not there. @returns whether it was not @throws {RedisDown} */
  async claim(key: string, value: string, ms: number): Promise<boolean> {
    const options = { condition: "NX", expiration: { type: "PX", value: ms } } as const;
    const name = this.#name(key);
    return await this.#ask(`set ${key}`, (client) => client.set(name, value, options)) === "OK";
  }

  /** Keeps a key that has this value and no other. @param ms for how long @throws {RedisDown} */
  async extend(key: string, value: string, ms: number): Promise<void> {
    const script = 'if redis.call("get", KEYS[1]) == ARGV[1] then ' +
      'redis.call("pexpire", KEYS[1], ARGV[2]) end';
    await this.run(script, { keys: [key], values: [value, String(ms)] });
  }

  /** Removes a key that has this value and no other. @throws {RedisDown} */
  async release(key: string, value: string): Promise<void> {
    const script = 'if redis.call("get", KEYS[1]) == ARGV[1] then redis.call("del", KEYS[1]) end';
    await this.run(script, { keys: [key], values: [value] });
  }

  /**
   * Runs a script, which nothing else comes between.
   *
   * @param keys what it gets as KEYS: names of keys, and of channels that it publishes on
   * @throws {RedisDown}
   */
  async run(
    script: string,
    { keys, values }: { keys: readonly string[]; values: readonly string[] },
  ): Promise<unknown> {
    const options = { keys: keys.map((key) => this.#name(key)), arguments: [...values] };
    return await this.#ask(`eval ${keys[0]}`, (client) => client.eval(script, options));
  }

  /** @returns how many were told, this one included @throws {RedisDown} */
  async publish(channel: string, message: string): Promise<number> {
    const name = this.#name(channel);
    return Number(
      await this.#ask(`publish ${channel}`, (client) => client.publish(name, message)),
    );
  }

  /** Calls back each time it is there, and again: what was missed can be looked up. */
  onArrival(listener: () => void): void {
    this.#arrivals.push(listener);
  }

  subscribe(channel: string, listener: (message: string) => void): void {
    this.#channels.set(channel, listener);
    if (this.#subscriber?.isReady !== true) return;
    // else it is done when it is there
    this.#subscriber.subscribe(this.#name(channel), listener).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#library = undefined;
    clearInterval(this.#again);
    clearTimeout(this.#seeking);
    this.#leave();
  }

  #name(key: string): string {
    return this.#options.prefix + key;
  }

  async #arrived(): Promise<void> {
    // each of the two comes back by itself, and who is told is to be able to ask
    if (this.#client?.isReady !== true || this.#subscriber?.isReady !== true) return;
    try {
      for (const [channel, listener] of this.#channels) {
        await this.#subscriber?.subscribe(this.#name(channel), listener);
      }
      this.#arrive();
    } catch {
      // it has gone again
    }
  }

  #arrive(): void {
    this.#turn("up", "");
    for (const listener of this.#arrivals) listener();
  }

  #turn(state: "up" | "down", reason: string): void {
    const library = this.#library;
    // one that is closed tells nothing
    if (state === this.#state || library === undefined) return;
    // to be there at the start is no news
    const isNews = state === "down" || this.#state !== undefined;
    this.#state = state;
    clearInterval(this.#again);
    // what it refuses from now on is news behind that
    this.#refused.clear();
    if (state === "down") {
      this.#again = setInterval(() => void this.#connect(library), ANEW_MS);
    }
    if (isNews) this.#onChange(state, reason);
  }

  /** It is there and does not do what it is asked, as it forbids it to this user or has no memory. */
  #tellRefusal(what: string, words: string): void {
    const code = words.split(" ", 1)[0] ?? "";
    // such as NOPERM: what is no code is the client's own, of a connection that ends
    if (!/^[A-Z]+$/.test(code)) return;
    // of a script Redis 6 has words of its own ahead
    if (words.includes(READ_ONLY)) this.#seekPrimary();
    if (this.#refused.has(code)) return;
    this.#refused.set(code, what);
    this.#onChange("down", words);
  }

  /** It does again what it has refused. */
  #tellDone(what: string): void {
    for (const [code, refused] of this.#refused) if (refused === what) this.#refused.delete(code);
    if (this.#refused.size === 0 && this.isUp) this.#onChange("up", "");
  }

  /** Whoever has its place by now is to be found where it was, by new connections alone. */
  #seekPrimary(): void {
    const wait = Math.max(0, this.#connected + ANEW_MS - performance.now());
    this.#seeking ??= setTimeout(() => {
      this.#seeking = undefined;
      if (this.#library !== undefined && this.isUp) void this.#connect(this.#library);
    }, wait);
  }

  async #ask<T>(what: string, command: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === undefined) throw new RedisDown("It is closed");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new RedisDown(NO_ANSWER);
        this.#turn("down", error.message);
        reject(error);
      }, ANSWER_MS);
    });
    try {
      const answered = command(client);
      // one that comes too late says that it is back
      answered.then(() => this.#state === "down" && this.#arrive(), () => {});
      const answer = await Promise.race([answered, late]);
      if (this.#refused.size > 0) this.#tellDone(what);
      return answer;
    } catch (error) {
      if (error instanceof RedisDown) throw error;
      if (error instanceof Error && client.isReady) this.#tellRefusal(what, error.message);
      throw new RedisDown(messageOf(error), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}
