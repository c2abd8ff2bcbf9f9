import type { Config } from "../config/config.ts";
import { type Address, overlap } from "../core/address.ts";
import type { ProxyError } from "../core/errors.ts";
import { cannotListenYet } from "../ports/shared_port.ts";

/**
 * What stands against a configuration in which a listener is to be where the admin page is, or the
 * other way round: all that is new is opened before anything of the old configuration goes.
 */
export function portSwap(before: Config, after: Config): ProxyError | undefined {
  return swapOf(after.admin && [after.admin], { has: "a listener", had: before.listeners }) ??
    swapOf(after.listeners, { has: "the admin page", had: before.admin && [before.admin] });
}

interface Listens {
  readonly listen: Address;
}

function swapOf(
  wanted: readonly Listens[] = [],
  { has, had = [] }: { has: string; had: readonly Listens[] | undefined },
): ProxyError | undefined {
  const swapped = wanted.find(({ listen }) => had.some((old) => overlap(old.listen, listen)));
  return swapped && cannotListenYet(swapped.listen, has);
}
