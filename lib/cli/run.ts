import { type App, startApp } from "../app.ts";
import type { Config } from "../config/schema.ts";
import type { ProxyEvent } from "../observability/event.ts";
import { openLog } from "../observability/log.ts";
import {
  DEVELOPMENT_HOSTS,
  type DevelopmentFiles,
  ensureDevelopmentCertificate,
} from "../tls/development_certificate.ts";
import { announce, isLocal } from "./announce.ts";
import { refuseDebugger } from "./debugger_signal.ts";
import { startDemoBackend } from "./demo_backend.ts";
import { withBackend } from "./flags.ts";
import type { Say } from "./say.ts";
import { watchSignals } from "./signals.ts";
import { startTally } from "./tally.ts";

/**
 * Runs the proxy until a signal stops it; resolves with the exit code. What the configuration
 * leaves open is filled in: the development certificate, and the demo backend.
 *
 * @throws {ProxyError} where it cannot start, one clear line
 */
export async function runProxy(given: Config, say: Say): Promise<number> {
  refuseDebugger(say);
  using signals = watchSignals(say);
  await using cleanUp = new AsyncDisposableStack();
  const { config, development } = await fillInCertificate(given);
  const demo = config.backends.size === 0 ? await startDemoBackend() : undefined;
  cleanUp.defer(async () => await demo?.close());
  const complete = demo === undefined ? config : withBackend(config, [demo.address]);

  const log = await openLog(complete.log);
  cleanUp.defer(() => log.close());
  const tally = startTally();
  const app = await startApp(complete, (event: ProxyEvent) => {
    tally.observe(event);
    log.observe(event);
  });
  const { listeners } = app;
  for (
    const line of announce({ config: complete, listeners, development, demo: demo !== undefined })
  ) {
    say(line);
  }

  const signal = await signals.stop;
  const seconds = complete.timeouts.drain / 1000;
  say(`${signal}: draining, for at most ${seconds} s; a second signal ends at once`);
  await drain(app, say);
  say(tally.summary());
  return 0;
}

async function drain(app: App, say: Say): Promise<void> {
  const cutOff = await app.drain();
  if (cutOff > 0) say(`the drain time is over: ${cutOff} connections were cut off`);
}

interface WithCertificate {
  readonly config: Config;
  readonly development: DevelopmentFiles | undefined;
}

async function fillInCertificate(config: Config): Promise<WithCertificate> {
  if (config.certificates.length > 0) return { config, development: undefined };
  const others = config.listeners.map(({ listen }) => listen.host).filter((host) => !isLocal(host));
  const made = await ensureDevelopmentCertificate("certs", [...DEVELOPMENT_HOSTS, ...others]);
  return {
    config: { ...config, certificates: [{ cert: made.cert, key: made.key }] },
    development: made,
  };
}
