import { eventually } from "./deadline.ts";
import type { ProxyProcess } from "./start_proxy.ts";

/**
 * How many files a proxy has open once nobody uses it.
 *
 * @param drop ends what is no leak, at each look
 */
export function openFilesAtRest(
  proxy: Pick<ProxyProcess, "openFiles">,
  drop = () => {},
): Promise<number> {
  let last = -1;
  let same = 0;
  // at rest when it stays as it is; one look more could be before it has seen what was dropped
  return eventually(async () => {
    drop();
    const now = await proxy.openFiles();
    same = now === last ? same + 1 : 0;
    last = now;
    return same === 10 ? now : undefined;
  }, "the proxy to come to rest");
}
