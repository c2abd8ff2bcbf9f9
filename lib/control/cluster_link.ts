import type { PendingChallenges } from "../acme/challenges.ts";
import { Redis } from "../cluster/redis.ts";
import { SharedChallenges } from "../cluster/shared_challenges.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { formatAddress } from "../core/address.ts";
import type { Observer } from "../core/event.ts";
import { readNamed } from "./read_named.ts";

/** Where replicas meet, and what each is told of the others. */
export interface ClusterLink extends Disposable {
  readonly redis: Redis;
  readonly challenges: SharedChallenges;
  /** Begins to connect, once everybody who listens is there. */
  open(): Promise<void>;
}

/**
 * The link to the other replicas.
 *
 * @param publish has all workers of this one answer a CA
 * @param reconnected called each time the others can be asked again
 * @throws {ProxyError} `bad_config` where a file cannot be read
 */
export async function clusterLink(
  config: ClusterConfig,
  { publish, observe, reconnected }: {
    publish: (pending: PendingChallenges) => Promise<void>;
    observe: Observer;
    reconnected: () => void;
  },
): Promise<ClusterLink> {
  const { redis: address, tls, caFile, passwordFile, prefix } = config;
  const redis = new Redis({
    ...address,
    tls,
    ca: caFile === undefined ? undefined : await readNamed(caFile),
    password: passwordFile === undefined ? undefined : (await readNamed(passwordFile)).trim(),
    prefix,
  }, (state, reason) => {
    observe({ kind: "cluster", state, redis: formatAddress(address), reason });
  });
  return {
    redis,
    challenges: new SharedChallenges(redis, publish),
    open: () => redis.open(reconnected),
    [Symbol.dispose]: () => redis[Symbol.dispose](),
  };
}
