import { type App, startApp } from "../app.ts";
import { type Fleet, startFleet } from "../workers/fleet.ts";
import { filesOf } from "../config/files.ts";
import { PasswordThread } from "../workers/password_thread.ts";
import type { Config } from "../config/config.ts";
import type { PendingChallenges } from "../acme/challenges.ts";
import type { AcmeStore } from "../acme/store.ts";
import { SharedKeeper } from "../cluster/shared_keeper.ts";
import { clusterLink } from "../control/cluster_link.ts";
import { AcmeService } from "../control/acme_service.ts";
import { AdminService } from "../control/admin_service.ts";
import { ExpiryWatch } from "../control/expiry.ts";
import { notPermitted, surplusGrants, unreachableSocket } from "../control/fence.ts";
import { loadFiles } from "../control/load.ts";
import { Monitor } from "../control/monitor.ts";
import { Reloader } from "../control/reloader.ts";
import { type LoadedConfig, workersOf } from "../control/snapshot.ts";
import { FileWatch } from "../control/file_watch.ts";
import type { Observer, ProxyEvent } from "../core/event.ts";
import { formatAddress } from "../core/address.ts";
import { withoutZone } from "../core/ip.ts";
import { rateMemory, RateTable } from "../core/rate_table.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { stageAll } from "../core/staged.ts";
import { plural } from "../core/plural.ts";
import { within } from "../io/within.ts";
import { descriptorLimit } from "../ports/descriptors.ts";
import { SpareMemory } from "../ports/spare_memory.ts";
import { type Log, openLog } from "../log/log.ts";
import { ledgerLines, startTally } from "../metrics/tally.ts";
import { openTelemetry } from "../metrics/telemetry.ts";
import type { TicketKeySets } from "../tls/openssl/ticket_keys.ts";
import { TICKET_SECRET, TicketTurns } from "../tls/openssl/ticket_turns.ts";
import { newStickyKey, STICKY_SECRET, type StickyKeys } from "../upstream/sticky_cookie.ts";
import { painter } from "../log/terminal_format.ts";
import {
  DEVELOPMENT_HOSTS,
  type DevelopmentFiles,
  ensureDevelopmentCertificate,
} from "../certificates/development_certificate.ts";
import { shellLine } from "../permissions/flags.ts";
import { announce, isLocal } from "./announce.ts";
import { type FileOutput, readConfigFile } from "./config_file.ts";
import { refuseDebugger } from "./debugger_signal.ts";
import { startDemoBackend } from "./demo_backend.ts";
import { certificateConfig, withBackend } from "./flags.ts";
import type { Say } from "./say.ts";
import { tellServiceManager } from "./service_manager.ts";
import { type Signals, watchSignals } from "./signals.ts";

/** Where the configuration comes from. */
export type RunSource =
  | { readonly kind: "flags"; readonly config: Config }
  | { readonly kind: "file"; readonly path: string };

/** How the proxy talks to its user while it starts, serves and stops. */
export interface RunOutput extends FileOutput {
  readonly say: Say;
  /** Called when it serves: from then on nobody waits for the user to read. */
  readonly onServing: () => void;
}

/**
 * Runs the proxy until a signal stops it; resolves with the exit code. What flags leave open is
 * filled in: the development certificate, and the demo backend.
 *
 * @throws {ProxyError} where it cannot start, one clear line
 */
export async function runProxy(
  source: RunSource,
  output: RunOutput,
): Promise<number> {
  refuseDebugger(output.say);
  using signals = watchSignals(output.say);
  await using cleanUp = new AsyncDisposableStack();
  const { promise: serving, resolve } = Promise.withResolvers<undefined>();
  const over = serve(source, { output, signals, cleanUp, onServing: () => resolve(undefined) });
  const failed = over.then(() => undefined);
  // what it waits for may never come, such as a file on a server that is gone
  const stopped = await Promise.race([serving, failed, signals.stop]);
  if (stopped === undefined) return await over;
  failed.catch(() => {});
  output.say(`${stopped}: stopped before it served`);
  return 0;
}

async function serve(
  source: RunSource,
  { output, signals, cleanUp, onServing }: {
    output: RunOutput;
    signals: Signals;
    cleanUp: AsyncDisposableStack;
    onServing: () => void;
  },
): Promise<number> {
  const { say } = output;
  const start = await load(source, { output, cleanUp });

  const { config } = start.loaded;
  tellDescriptors(config, say);
  const [terminal, coloured] = [Deno.stdout.isTerminal(), !Deno.noColor];
  const log = await openLog(config.log, {
    terminal: terminal ? painter(coloured) : undefined,
    onFailure: (reason) => say(`warning: the log cannot be written to ${reason}`),
  });
  cleanUp.defer(() => log.close());
  const tally = startTally();
  let fleet: Fleet | undefined;
  const monitor = cleanUp.use(new Monitor(log, { others: () => fleet?.counted ?? [] }));
  const telemetry = openTelemetry();
  const observe = (event: ProxyEvent) => {
    tally.observe(event);
    monitor.observe(event);
    log.observe(event);
    telemetry?.(event);
    tellReload(event, say);
  };
  const traced = telemetry !== undefined;
  const publish = (pending: PendingChallenges): Promise<void> => app.setChallenges(pending);
  const cluster = config.cluster &&
    cleanUp.use(await clusterLink(config.cluster, { publish, observe }));
  const onTurn = (sets: TicketKeySets) => void app.setTicketKeys(sets);
  const tickets = cluster?.secret(TICKET_SECRET, onTurn) ?? cleanUp.use(new TicketTurns(onTurn));
  const ticketKeys = tickets.sets;
  const onSticky = (keys: StickyKeys) => void app.setStickyKeys(keys);
  const stickyKeys = cluster?.secret(STICKY_SECRET, onSticky).sets ?? [newStickyKey()];
  const rates = rateMemory({ told: cluster !== undefined });
  cluster?.shareRates(rates);
  const passwords = cleanUp.use(new PasswordThread(Deno.mainModule));
  if (asksForPasswords(config)) await passwords.load();
  const workers = workersOf(config);
  if (workers > 1) {
    fleet = await startFleet(start.loaded, {
      ...{ workers, observe, traced, ticketKeys, stickyKeys, rates },
      onListening: onServing,
      stopped: signals.stop,
      program: Deno.mainModule,
      checkPassword: (question) => passwords.check(question),
      notice: (event) => monitor.notice(event),
      log: (lines) => log.append(lines),
      terminal: terminal ? { coloured } : undefined,
    });
  }
  const app: App = fleet ??
    await startApp(start.loaded, observe, {
      ...{ traced, ticketKeys, stickyKeys, rates: new RateTable(rates) },
      onListening: onServing,
      descriptors: descriptorLimit(),
      checkPassword: (password, hash) => passwords.check({ password, hash }),
    });
  const admin = cleanUp.use(
    new AdminService(monitor, {
      get listeners() {
        return app.listeners;
      },
      get loaded() {
        return app.loaded;
      },
      get draining() {
        return app.draining;
      },
      get accepting() {
        return app.accepting;
      },
      get acme() {
        return acme.statuses;
      },
      get workers() {
        return fleet?.workers ?? { running: 1, died: 0 };
      },
      refresh: async (what) => await fleet?.refresh(what),
      servers: () => app.servers(),
      setDrained: (server, drained) => app.setDrained(server, drained),
      reload: () => reloader.reload("POST /reload"),
    }),
  );
  cleanUp.use(new SpareMemory());
  const acme = cleanUp.use(
    new AcmeService({
      publish: cluster === undefined ? publish : (pending) => cluster.challenges.put(pending),
      serve: () => reloader.reloadFiles("a certificate from the CA"),
      observe,
      ...(cluster === undefined ? {} : {
        share: (store: AcmeStore, onNews: () => void) =>
          new SharedKeeper(store, cluster.redis, onNews),
      }),
    }),
  );
  cluster?.redis.onArrival(() => acme.look());
  const inForce = Promise.withResolvers<void>();
  const reloader = startReloading({ app, log, monitor, admin, acme, passwords }, {
    source,
    loaded: start.loaded,
    begun: inForce.promise,
    observe,
    cleanUp,
  });
  const begun = Promise.try(async () => {
    const staged = await stageAll([
      () => admin.prepare(config.admin),
      () => acme.prepare(config),
    ]);
    // behind all who listen to it, and ahead of the first order
    await cluster?.open();
    await staged.commit();
    inForce.resolve();
  });
  try {
    // a stop waits for none of it, such as a Redis that does not answer
    await Promise.race([begun, signals.stop]);
  } catch (error) {
    await app.drain();
    throw error;
  }
  begun.catch(() => {});
  const { certificates } = start.loaded;
  const running = { ...start, config, certificates, workers, listeners: app.listeners };
  for (const line of announce(running)) say(line);
  // what started it, such as npx, may not pass signals on
  say(`process ${Deno.pid}: SIGTERM stops it, SIGHUP reloads`);
  if (admin.address !== undefined) say(`admin page: http://${formatAddress(admin.address)}/`);
  output.onServing();
  // one that does not read for a while keeps neither a reload nor a stop waiting
  const ready = tellServiceManager("READY=1", say);
  signals.onReload(() => {
    log.reopen().catch((error) => say(messageOf(error)));
    void reloader.reload("SIGHUP");
  });

  const died = fleet?.allDead.then(() => undefined) ?? NEVER;
  const signal = await Promise.race([signals.stop, died]);
  if (signal === undefined) {
    // whoever has started it may start it again
    say("the last worker has died, and none can take its place");
    return 1;
  }
  reloader.stop();
  const seconds = app.drainTime / 1000;
  say(`${signal}: draining, for at most ${seconds} s; a second signal ends at once`);
  const stopping = ready.then(() => tellServiceManager("STOPPING=1", say));
  const cutOff = await app.drain();
  await within(stopping, LAST_WORD_MS, () => {});
  for (const counts of fleet?.tallies ?? []) tally.add(counts);
  if (cutOff > 0) {
    const were = cutOff === 1 ? "was" : "were";
    say(`the drain time is over: ${plural(cutOff, "connection")} ${were} cut off`);
  }
  say(tally.summary());
  for (const line of ledgerLines(monitor.totals.ledger)) say(line);
  return 0;
}

/** Milliseconds for the service manager to take the last word. */
const LAST_WORD_MS = 2_000;

const NEVER = new Promise<undefined>(() => {});

interface Start {
  readonly loaded: LoadedConfig;
  readonly development: DevelopmentFiles | undefined;
  readonly demo: boolean;
}

async function load(
  source: RunSource,
  { output, cleanUp }: {
    output: FileOutput & { readonly say: Say };
    cleanUp: AsyncDisposableStack;
  },
): Promise<Start> {
  if (source.kind === "file") {
    const { path } = source;
    const { loaded } = await readConfigFile(path, {
      expiredIsError: false,
      output,
      objections: (config) => notPermitted(config, path),
    });
    tellSurplus(loaded.config, path, output.say);
    return { loaded, development: undefined, demo: false };
  }
  const unreachable = unreachableSocket(source.config);
  if (unreachable !== undefined) throw new ProxyError("bad_config", unreachable);
  const { config, development } = await fillInCertificate(source.config);
  if (config.backends.size > 0) {
    return { loaded: await loadFiles(config), development, demo: false };
  }
  const demo = await startDemoBackend();
  cleanUp.defer(() => demo.close());
  const complete = withBackend(config, [{ kind: "tcp", ...demo.address }]);
  return { loaded: await loadFiles(complete), development, demo: true };
}

/**
 * A configuration file is written for others to rely on, so that it is told when nothing holds the
 * process to it. The flag form is for trying things out, and keeps quiet.
 */
function tellSurplus(config: Config, path: string, say: Say): void {
  const surplus = surplusGrants(config, path);
  if (surplus.length === 0) return;
  say(
    `warning: this process holds more permissions than ${path} needs: ${surplus.join(" ")}; ` +
      `deno task proxy:prod ${shellLine(["--config", path])} grants exactly those`,
  );
}

function asksForPasswords({ routes }: Config): boolean {
  return routes.some(({ basicAuth }) => basicAuth !== undefined);
}

/** Each connection takes a descriptor, and mostly one more to its server. */
function tellDescriptors({ limits: { connections } }: Config, say: Say): void {
  const most = descriptorLimit();
  if (most === undefined || most >= 2 * connections) return;
  say(
    `warning: this process may have ${most} open files only, and limits.connections is ` +
      `${connections}: a connection takes one, and mostly one more to its server; raise it ` +
      "(ulimit -n, LimitNOFILE= of systemd), or have fewer connections",
  );
}

async function fillInCertificate(
  config: Config,
): Promise<{ config: Config; development: DevelopmentFiles | undefined }> {
  if (config.certificates.length > 0) return { config, development: undefined };
  // a certificate is for an address without its zone
  const others = config.listeners.map(({ listen }) => withoutZone(listen.host))
    .filter((host) => !isLocal(host));
  const made = await ensureDevelopmentCertificate("certs", [...DEVELOPMENT_HOSTS, ...others]);
  return { config: { ...config, certificates: [certificateConfig(made)] }, development: made };
}

/** All that a reload changes. */
interface Reloadable {
  readonly app: App;
  readonly log: Log;
  readonly monitor: Monitor;
  readonly admin: AdminService;
  readonly acme: AcmeService;
  readonly passwords: PasswordThread;
}

/** Makes ready for reloads, and watches the files that ask for them when they change. */
function startReloading(
  reloadable: Reloadable,
  { source, loaded, begun, observe, cleanUp }: {
    source: RunSource;
    loaded: LoadedConfig;
    begun: Promise<void>;
    observe: Observer;
    cleanUp: AsyncDisposableStack;
  },
): Reloader {
  const { acme } = reloadable;
  const path = source.kind === "file" ? source.path : undefined;
  const expiry = cleanUp.use(new ExpiryWatch(observe));
  const filesWatch = cleanUp.use(
    new FileWatch(() => void reloader.reloadFiles("changed certificate files")),
  );
  const configWatch = cleanUp.use(
    new FileWatch(() => void reloader.reload("changed configuration file")),
  );
  const reloader = new Reloader(loaded, {
    path,
    apply: (next) => applyAll(next, reloadable),
    onApplied: (current) => watch(current, { path, expiry, filesWatch, configWatch }),
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
function tellReload(event: ProxyEvent, say: Say): void {
  if (event.kind === "reloaded") {
    event.warnings.forEach(say);
    const changes = event.changes.length === 0 ? "nothing has changed" : event.changes.join(", ");
    say(`reloaded (${event.reason}): ${changes}`);
  } else if (event.kind === "reload_failed") {
    event.problems.forEach(say);
    say(`not reloaded (${event.reason}): the old configuration goes on`);
  }
}
