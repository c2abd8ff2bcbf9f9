import { readIssuedLeaf } from "../acme/issued_leaf.ts";
import type { Keeper } from "../acme/keeper.ts";
import type { Account, CertificateState, IssuedCertificate, PlacedOrder } from "../acme/keeper.ts";
import {
  type AcmeStore,
  parseAccount,
  parseCertificate,
  parseOrder,
  parseState,
} from "../acme/store.ts";
import { type Redis, RedisDown } from "./redis.ts";

/** Milliseconds that an order may take; whoever holds the lock says again and again that it lives. */
const LOCK_MS = 30_000;
/** Milliseconds for which an order is remembered: no CA keeps one open for longer. */
const ORDER_MS = 7 * 86_400_000;
/** Told with the name of a certificate that is new. */
const NEWS = "acme:news";

/** What it takes of Redis. */
type KeeperLink = Pick<
  Redis,
  "get" | "set" | "remove" | "claim" | "extend" | "release" | "publish" | "subscribe"
>;

/**
 * What replicas know of certificates, in Redis, with a copy in a folder of each: while Redis is away
 * everything that is held is served, and nothing new is asked of a CA.
 */
export class SharedKeeper implements Keeper {
  readonly #store: AcmeStore;
  readonly #redis: KeeperLink;

  /** @param onNews another replica has got a certificate; to be made before Redis is opened */
  constructor(store: AcmeStore, redis: KeeperLink, onNews: () => void) {
    this.#store = store;
    this.#redis = redis;
    redis.subscribe(NEWS, onNews);
  }

  async account(directory: string): Promise<Account | undefined> {
    const shared = await this.#shared(accountKey(directory), parseAccount);
    const own = await this.#store.account(directory);
    // one that the CA knows already
    if (shared !== undefined && shared.key !== own?.key) {
      await this.#store.saveAccount(directory, shared);
    }
    return shared ?? own;
  }

  async saveAccount(directory: string, account: Account): Promise<void> {
    await this.#store.saveAccount(directory, account);
    await this.#share(accountKey(directory), account);
  }

  /**
   * The one that was issued last: of the two places either may have been away. It may well end first,
   * as one of another CA.
   */
  async certificate(name: string): Promise<IssuedCertificate | undefined> {
    const own = await this.#store.certificate(name);
    const shared = await this.#shared(certificateKey(name), parseCertificate);
    const [ownStart, sharedStart] = await Promise.all([startOf(own), startOf(shared)]);
    if (shared !== undefined && sharedStart > ownStart) {
      await this.#store.saveCertificate(name, shared);
      return shared;
    }
    if (own !== undefined && ownStart > sharedStart) await this.#share(certificateKey(name), own);
    return own;
  }

  async saveCertificate(name: string, certificate: IssuedCertificate): Promise<void> {
    await this.#store.saveCertificate(name, certificate);
    await this.#share(certificateKey(name), certificate);
    await this.#redis.publish(NEWS, name).catch(ignoreDown);
  }

  async state(name: string): Promise<CertificateState> {
    return await this.#shared(stateKey(name), parseState) ?? await this.#store.state(name);
  }

  async saveState(name: string, state: CertificateState): Promise<void> {
    await this.#store.saveState(name, state);
    await this.#share(stateKey(name), state);
  }

  /** In Redis alone: without it none is placed, and none is taken up. */
  async order(name: string): Promise<PlacedOrder | undefined> {
    return await this.#shared(orderKey(name), parseOrder);
  }

  async saveOrder(name: string, order: PlacedOrder | undefined): Promise<void> {
    await (order === undefined
      ? this.#redis.remove(orderKey(name))
      : this.#redis.set(orderKey(name), JSON.stringify(order), ORDER_MS)).catch(ignoreDown);
  }

  async exclusively(action: () => Promise<void>): Promise<boolean> {
    const me = crypto.randomUUID();
    try {
      if (!await this.#redis.claim("acme:lock", me, LOCK_MS)) return false;
    } catch (error) {
      ignoreDown(error);
      return false;
    }
    const alive = setInterval(() => {
      this.#redis.extend("acme:lock", me, LOCK_MS).catch(ignoreDown);
    }, LOCK_MS / 3);
    try {
      await action();
      return true;
    } finally {
      clearInterval(alive);
      await this.#redis.release("acme:lock", me).catch(ignoreDown);
    }
  }

  /** What is damaged is not there. */
  async #shared<T>(key: string, parse: (text: string) => T | undefined): Promise<T | undefined> {
    try {
      const text = await this.#redis.get(key);
      return text === undefined ? undefined : parse(text);
    } catch (error) {
      ignoreDown(error);
      return undefined;
    }
  }

  async #share(key: string, value: unknown): Promise<void> {
    await this.#redis.set(key, JSON.stringify(value)).catch(ignoreDown);
  }
}

function accountKey(directory: string): string {
  return `acme:account:${directory}`;
}

function certificateKey(name: string): string {
  return `acme:certificate:${name}`;
}

function orderKey(name: string): string {
  return `acme:order:${name}`;
}

function stateKey(name: string): string {
  return `acme:state:${name}`;
}

async function startOf(certificate: IssuedCertificate | undefined): Promise<number> {
  if (certificate === undefined) return 0;
  return (await readIssuedLeaf(certificate))?.notBefore ?? 0;
}

/** That it is away is told by whoever watches it. */
function ignoreDown(error: unknown): void {
  if (!(error instanceof RedisDown)) throw error;
}
