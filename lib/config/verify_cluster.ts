import { formatAddress, isLoopback } from "../core/address.ts";
import { type Finding, warning } from "./finding.ts";
import type { Config } from "./config.ts";

/** What of a Redis that has the keys of all replicas is most likely not meant. */
export function verifyCluster(config: Config): Finding[] {
  return [...openToAnybody(config), ...idleAuthority(config)];
}

function idleAuthority({ cluster }: Config): Finding[] {
  return cluster?.caFile === undefined || cluster.tls
    ? []
    : [warning(["cluster", "ca_file"], '"ca_file" means nothing without "tls: true"')];
}

function openToAnybody({ cluster }: Config): Finding[] {
  if (cluster === undefined || cluster.passwordFile !== undefined) return [];
  if (isLoopback(cluster.redis.host)) return [];
  const message = `private keys lie in ${formatAddress(cluster.redis)}, and whoever reaches it ` +
    "reads them: give it a password, and its file as password_file";
  return [warning(["cluster", "redis"], message)];
}
