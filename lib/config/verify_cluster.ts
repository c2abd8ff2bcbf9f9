import { formatAddress, isLoopback } from "../core/address.ts";
import { type Finding, warning } from "./finding.ts";
import type { Config } from "./config.ts";

/** A Redis that anybody who reaches it may read, where it has the keys of all replicas. */
export function verifyCluster({ cluster }: Config): Finding[] {
  if (cluster === undefined || cluster.passwordFile !== undefined) return [];
  if (isLoopback(cluster.redis.host)) return [];
  const message = `private keys lie in ${formatAddress(cluster.redis)}, and whoever reaches it ` +
    "reads them: give it a password, and its file as password_file";
  return [warning(["cluster", "redis"], message)];
}
