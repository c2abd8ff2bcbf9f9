import { ipBytes, ipText, networkEnds } from "../core/ip.ts";
import type { Config } from "./config.ts";
import { type Finding, warning } from "./finding.ts";
import type { KeyPath } from "./key_path.ts";

/**
 * Networks that begin before the address they are written with: `10.1.0.0/8` is all of `10.0.0.0/8`,
 * where most likely `10.1.0.0/16` was meant.
 */
export function verifyNetworks({ listeners, routes, backends, forwarded }: Config): Finding[] {
  return [
    ...listeners.flatMap(({ proxyProtocol }, index) =>
      widerThanWritten(proxyProtocol?.from, ["listeners", index, "proxy_protocol", "from"])
    ),
    ...[...backends].flatMap(([name, { dns }]) =>
      widerThanWritten(dns.networks, ["backends", name, "dns", "networks"])
    ),
    ...routes.flatMap(({ allow, deny }, index) => [
      ...widerThanWritten(allow, ["routes", index, "allow"]),
      ...widerThanWritten(deny, ["routes", index, "deny"]),
    ]),
    ...widerThanWritten(forwarded.trusted, ["forwarded", "trusted"]),
  ];
}

function widerThanWritten(networks: readonly string[] = [], path: KeyPath): Finding[] {
  return networks.flatMap((network, at) => {
    const [address = "", bits] = network.split("/");
    const [first] = networkEnds(network) ?? [];
    const written = ipBytes(address);
    return first === undefined || written === undefined || ipText(written) === first ? [] : [
      warning(
        [...path, at],
        `${network} is all of ${first}/${bits}: write that, or what is meant`,
      ),
    ];
  });
}
