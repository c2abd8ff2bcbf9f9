import type { App } from "../app.ts";
import type { AcmeService } from "../control/acme_service.ts";
import type { AdminService } from "../control/admin_service.ts";
import { ExpiryWatch } from "../control/expiry.ts";
import { FileWatch } from "../control/file_watch.ts";
import type { Monitor } from "../control/monitor.ts";
import { portSwap } from "../control/port_swap.ts";
import { Reloader } from "../control/reloader.ts";
import { asksForPasswords, type LoadedConfig } from "../control/snapshot.ts";
import { filesOf } from "../config/files.ts";
import { ProxyError } from "../core/errors.ts";
import type { Observer, ProxyEvent } from "../core/event.ts";
import { stageAll } from "../core/staged.ts";
import type { Log } from "../log/log.ts";
import type { PasswordThread } from "../workers/password_thread.ts";
import type { Say } from "./say.ts";

/** All that a reload changes. */
export interface Reloadable {
  readonly app: App;
  readonly log: Log;
  readonly monitor: Monitor;
  readonly admin: AdminService;
  readonly acme: AcmeService;
  readonly passwords: PasswordThread;
}

/** Makes ready for reloads, and watches the files that ask for them when they change. */
export function startReloading(
  reloadable: Reloadable,
  { path, loaded, begun, observe, cleanUp }: {
    /** Of the configuration's file; undefined where flags say it all. */
    path: string | undefined;
    loaded: LoadedConfig;
    /** Settles when what it starts with is in force. */
    begun: Promise<void>;
    observe: Observer;
    cleanUp: AsyncDisposableStack;
  },
): Reloader {
  const { acme, app } = reloadable;
  const expiry = cleanUp.use(new ExpiryWatch(observe));
  const filesWatch = cleanUp.use(
    new FileWatch(() => void reloader.reloadFiles("changed certificate files")),
  );
  const configWatch = cleanUp.use(
    new FileWatch(() => void reloader.reload("changed configuration file")),
  );
  // what it lacks may come later, as a Secret does that is mounted beside a ConfigMap
  const refusedWatch = cleanUp.use(
    new FileWatch(() => void reloader.reload("changed file of a refused configuration")),
  );
  const reloader = new Reloader(loaded, {
    path,
    apply: (next) => applyAll(next, reloadable),
    onApplied: (current) => watch(current, { path, expiry, filesWatch, configWatch }),
    onRefused: (files) => {
      const isWatched = app.loaded.config.watch.config;
      refusedWatch.watch(isWatched ? [...files.keys()] : [], files);
    },
    onLost: () => acme.look(),
    begun,
    observe,
  });
  watch(loaded, { path, expiry, filesWatch, configWatch });
  return reloader;
}

/** All of a new configuration, or nothing: what may fail comes first. */
async function applyAll(
  next: LoadedConfig,
  { app, log, monitor, admin, acme, passwords }: Reloadable,
): Promise<readonly string[]> {
  let changes: readonly string[] = [];
  const { config } = next;
  const swap = portSwap(app.loaded.config, config);
  if (swap !== undefined) throw swap;
  if (asksForPasswords(config) && !asksForPasswords(app.loaded.config)) await passwords.load();
  // a certificate that is new is not to wait for files that services have read for themselves
  const services = config === app.loaded.config ? [] : [
    () => log.prepare(config.log),
    () => admin.prepare(config.admin),
    () => acme.prepare(config),
  ];
  const staged = await stageAll([
    ...services,
    async () => {
      const prepared = await app.prepare(next);
      changes = prepared.changes;
      return prepared;
    },
  ]);
  // asked to stop meanwhile: what is drained stays as it is
  if (app.draining) {
    await staged.drop();
    throw new ProxyError("bad_config", "The proxy is stopping");
  }
  await staged.commit();
  monitor.onReload(next);
  return changes;
}

function watch(
  { config, certificates, trust, stamps }: LoadedConfig,
  { path, expiry, filesWatch, configWatch }: {
    path: string | undefined;
    expiry: ExpiryWatch;
    filesWatch: FileWatch;
    configWatch: FileWatch;
  },
): void {
  expiry.watch([...certificates, ...trust.shown.values()], new Date());
  filesWatch.watch(config.watch.certificates ? filesOf(config) : [], stamps);
  configWatch.watch(config.watch.config && path !== undefined ? [path] : [], stamps);
}

/** Reloads are news for whoever asked for them, so they are told on stderr too, in full. */
export function tellReload(event: ProxyEvent, say: Say): void {
  if (event.kind === "reloaded") {
    event.warnings.forEach(say);
    const changes = event.changes.length === 0 ? "nothing has changed" : event.changes.join(", ");
    say(`reloaded (${event.reason}): ${changes}`);
  } else if (event.kind === "reload_failed") {
    event.problems.forEach(say);
    say(`not reloaded (${event.reason}): the old configuration goes on`);
  }
}
