import type { Config } from "../config/config.ts";
import { type Counted, Monitor } from "../control/monitor.ts";
import type { Observer } from "../core/event.ts";
import { type Log, openLog } from "../log/log.ts";
import { painter } from "../log/terminal_format.ts";
import { startTally, type Tally } from "../metrics/tally.ts";
import { openTelemetry } from "../metrics/telemetry.ts";
import { tellReload } from "./reloading.ts";
import type { Say } from "./say.ts";

/** Who is told of what happens while the proxy serves. */
export interface Observers {
  readonly log: Log;
  readonly tally: Tally;
  readonly monitor: Monitor;
  /** Tells all of them. */
  readonly observe: Observer;
  /** Whether requests are traced. */
  readonly traced: boolean;
}

/**
 * Opens the log, and begins to count and to watch; `cleanUp` ends what has an end.
 *
 * @throws {ProxyError} `bad_config` where the log cannot be opened
 */
export async function openObservers(
  config: Config,
  { terminal, counted, say, cleanUp }: {
    /** Where standard output is one. */
    terminal: { readonly coloured: boolean } | undefined;
    /** What other threads have counted. */
    counted: () => readonly Counted[];
    say: Say;
    cleanUp: AsyncDisposableStack;
  },
): Promise<Observers> {
  const log = await openLog(config.log, {
    terminal: terminal && painter(terminal.coloured),
    onFailure: (reason) => say(`warning: the log cannot be written to ${reason}`),
  });
  cleanUp.defer(() => log.close());
  const tally = startTally();
  const monitor = cleanUp.use(new Monitor(log, { others: counted }));
  const telemetry = openTelemetry();
  const observe: Observer = (event) => {
    tally.observe(event);
    monitor.observe(event);
    log.observe(event);
    telemetry?.(event);
    tellReload(event, say);
  };
  return { log, tally, monitor, observe, traced: telemetry !== undefined };
}
