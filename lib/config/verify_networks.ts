import { ipBytes, ipText, networkEnds } from "../core/ip.ts";
import type { Config } from "./config.ts";
import { type Finding, warning } from "./finding.ts";
import type { KeyPath } from "./key_path.ts";

/** What is most likely not meant by networks as they are written. */
export function verifyNetworks(config: Config): Finding[] {
  const networks = networksOf(config);
  return [
    ...networks.filter(({ isInFront }) => isInFront).flatMap(anybodysWord),
    ...networks.flatMap(widerThanWritten),
  ];
}

/** A network, and where it is written. */
interface Written {
  readonly network: string;
  readonly path: KeyPath;
  /** Whether it is of proxies in front, whose word is taken for who a client is. */
  readonly isInFront: boolean;
}

function networksOf({ listeners, backends, routes, forwarded }: Config): Written[] {
  const listed = (path: KeyPath, networks: readonly string[] = [], isInFront = false) =>
    networks.map((network, at) => ({ network, path: [...path, at], isInFront }));
  return [
    ...listeners.flatMap(({ proxyProtocol }, index) =>
      listed(["listeners", index, "proxy_protocol", "from"], proxyProtocol?.from, true)
    ),
    ...[...backends].flatMap(([name, { dns }]) =>
      listed(["backends", name, "dns", "networks"], dns.networks)
    ),
    ...routes.flatMap(({ allow, deny }, index) => [
      ...listed(["routes", index, "allow"], allow),
      ...listed(["routes", index, "deny"], deny),
    ]),
    ...listed(["forwarded", "trusted"], forwarded.trusted, true),
  ];
}

/** Whoever is taken for a proxy in front says who he is, and is believed. */
function anybodysWord({ network, path }: Written): Finding[] {
  const message = `${network} lets anybody tell any address: name the proxies in front`;
  return network.endsWith("/0") ? [warning(path, message)] : [];
}

/**
 * A network that begins before the address it is written with: `10.1.0.0/8` is all of `10.0.0.0/8`,
 * where most likely `10.1.0.0/16` was meant.
 */
function widerThanWritten({ network, path }: Written): Finding[] {
  const [address = "", bits] = network.split("/");
  const [first] = networkEnds(network) ?? [];
  const written = ipBytes(address);
  if (first === undefined || written === undefined || ipText(written) === first) return [];
  return [warning(path, `${network} is all of ${first}/${bits}: write that, or what is meant`)];
}
