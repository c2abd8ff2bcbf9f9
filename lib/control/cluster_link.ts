import type { PendingChallenges } from "../acme/challenges.ts";
import { Redis } from "../cluster/redis.ts";
import { RATE_SEEDS, SharedRates } from "../cluster/shared_rates.ts";
import { type SecretOptions, SharedSecret } from "../cluster/shared_secret.ts";
import type { SecretSets } from "../cluster/secret_sets.ts";
import { SharedChallenges } from "../cluster/shared_challenges.ts";
import type { ClusterConfig } from "../config/config.ts";
import { RateTable } from "../core/rate_table.ts";
import { formatAddress } from "../core/address.ts";
import type { Observer } from "../core/event.ts";
import { readNamed, readSecret } from "./read_named.ts";

/** Where replicas meet, and what each is told of the others. */
export interface ClusterLink extends Disposable {
  readonly redis: Redis;
  readonly challenges: SharedChallenges;
  /**
   * A secret of all replicas, to be asked for before the link is opened.
   *
   * @param onChange told of every change, for all who use it
   */
  secret(options: SecretOptions, onChange: (sets: SecretSets) => void): SharedSecret;
  /** Has all replicas count rates together, in memory that was made for it. */
  shareRates(memory: SharedArrayBuffer): void;
  /**
   * Begins to connect, once everybody who listens is there; settles once what is shared is at hand,
   * or after some seconds.
   */
  open(): Promise<void>;
}

/**
 * The link to the other replicas.
 *
 * @param publish has all workers of this one answer a CA
 * @throws {ProxyError} `bad_config` where a file cannot be read
 */
export async function clusterLink(
  config: ClusterConfig,
  { publish, observe }: {
    publish: (pending: PendingChallenges) => Promise<void>;
    observe: Observer;
  },
): Promise<ClusterLink> {
  const { redis: address, tls, caFile, passwordFile, prefix } = config;
  const redis = new Redis({
    ...address,
    tls,
    ca: caFile === undefined ? undefined : await readNamed(caFile),
    password: passwordFile === undefined ? undefined : await readSecret(passwordFile),
    prefix,
  }, (state, reason) => {
    observe({ kind: "cluster", state, redis: formatAddress(address), reason });
  });
  const parts = new DisposableStack();
  parts.use(redis);
  const secrets: SharedSecret[] = [];
  const shareSecret: ClusterLink["secret"] = (options, onChange) => {
    const secret = parts.use(new SharedSecret(redis, options, onChange));
    secrets.push(secret);
    return secret;
  };
  return {
    redis,
    challenges: new SharedChallenges(redis, publish),
    secret: shareSecret,
    shareRates(memory) {
      const table = new RateTable(memory);
      const { sets } = shareSecret(RATE_SEEDS, ([seeds]) => table.seed(seeds));
      table.seed(sets[0]);
      parts.use(new SharedRates(redis, table));
    },
    async open() {
      await redis.open();
      await Promise.all(secrets.map((secret) => secret.look()));
    },
    [Symbol.dispose]: () => parts.dispose(),
  };
}
