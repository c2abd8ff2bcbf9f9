import type { PendingChallenges } from "../acme/challenges.ts";
import type { AcmeStatus } from "../acme/manager.ts";
import type { AcmeStore } from "../acme/store.ts";
import { type App, startApp } from "../app.ts";
import { SharedKeeper } from "../cluster/shared_keeper.ts";
import type { Config } from "../config/config.ts";
import { AcmeService } from "../control/acme_service.ts";
import { AdminService, type AdminTarget } from "../control/admin_service.ts";
import { type ClusterLink, clusterLink } from "../control/cluster_link.ts";
import type { Reloader } from "../control/reloader.ts";
import { asksForPasswords, type LoadedConfig, workersOf } from "../control/snapshot.ts";
import { formatAddress } from "../core/address.ts";
import { messageOf } from "../core/errors.ts";
import { agreeing, plural } from "../core/plural.ts";
import { rateMemory, RateTable } from "../core/rate_table.ts";
import { stageAll } from "../core/staged.ts";
import { within } from "../io/within.ts";
import { ledgerLines } from "../metrics/tally.ts";
import { descriptorLimit } from "../ports/descriptors.ts";
import { SpareMemory } from "../ports/spare_memory.ts";
import type { TicketKeySets } from "../tls/openssl/ticket_keys.ts";
import { TICKET_SECRET, TicketTurns } from "../tls/openssl/ticket_turns.ts";
import { newStickyKey, STICKY_SECRET, type StickyKeys } from "../upstream/sticky_cookie.ts";
import { type Fleet, startFleet } from "../workers/fleet.ts";
import { PasswordThread } from "../workers/password_thread.ts";
import { announce } from "./announce.ts";
import type { FileOutput } from "./config_file.ts";
import { refuseDebugger } from "./debugger_signal.ts";
import { type Observers, openObservers } from "./observers.ts";
import { startReloading } from "./reloading.ts";
import { loadSource, type RunSource } from "./run_source.ts";
import type { Say } from "./say.ts";
import { tellServiceManager } from "./service_manager.ts";
import { type Signals, watchSignals } from "./signals.ts";

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
  const start = await loadSource(source, { output, cleanUp });
  const { loaded } = start;
  tellDescriptors(loaded.config, say);
  const serving = await startServing(loaded, { say, signals, cleanUp, onServing });
  const { app, fleet, observers } = serving;
  const path = source.kind === "file" ? source.path : undefined;
  const { admin, reloader, begun } = startServices(serving, { path, loaded, cleanUp });
  try {
    // a stop waits for none of it, such as a Redis that does not answer
    await Promise.race([begun, signals.stop]);
  } catch (error) {
    await app.drain();
    throw error;
  }
  begun.catch(() => {});
  const { config, certificates } = loaded;
  const running = { ...start, config, certificates, workers: workersOf(config) };
  for (const line of announce({ ...running, listeners: app.listeners })) say(line);
  // what started it, such as npx, may not pass signals on
  say(`process ${Deno.pid}: SIGTERM stops it, SIGHUP reloads`);
  if (admin.address !== undefined) say(`admin page: http://${formatAddress(admin.address)}/`);
  output.onServing();
  // one that does not read for a while keeps neither a reload nor a stop waiting
  const ready = tellServiceManager("READY=1", say);
  signals.onReload(() => {
    observers.log.reopen().catch((error) => say(messageOf(error)));
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
  tellEnd(cutOff, { fleet, observers, say });
  return 0;
}

/** Milliseconds for the service manager to take the last word. */
const LAST_WORD_MS = 2_000;

const NEVER = new Promise<undefined>(() => {});

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

/** The proxy as its clients know it, and what it takes for that. */
interface Serving {
  readonly app: App;
  /** The same where several threads serve. */
  readonly fleet: Fleet | undefined;
  readonly observers: Observers;
  readonly passwords: PasswordThread;
  readonly cluster: ClusterLink | undefined;
  /** Has all threads of this replica answer a CA. */
  readonly publish: (pending: PendingChallenges) => Promise<void>;
}

/** Listens and serves, in one thread or in several. */
async function startServing(
  loaded: LoadedConfig,
  { say, signals, cleanUp, onServing }: {
    say: Say;
    signals: Signals;
    cleanUp: AsyncDisposableStack;
    onServing: () => void;
  },
): Promise<Serving> {
  const { config } = loaded;
  const terminal = Deno.stdout.isTerminal() ? { coloured: !Deno.noColor } : undefined;
  let fleet: Fleet | undefined;
  const counted = () => fleet?.counted ?? [];
  const observers = await openObservers(config, { terminal, counted, say, cleanUp });
  const { log, monitor, observe, traced } = observers;
  const publish = (pending: PendingChallenges): Promise<void> => app.setChallenges(pending);
  const cluster = config.cluster &&
    cleanUp.use(await clusterLink(config.cluster, { publish, observe }));
  const common = commonTo(cluster, {
    onTickets: (sets) => void app.setTicketKeys(sets),
    onSticky: (keys) => void app.setStickyKeys(keys),
    cleanUp,
  });
  const passwords = cleanUp.use(new PasswordThread(Deno.mainModule));
  if (asksForPasswords(config)) await passwords.load();
  const workers = workersOf(config);
  if (workers > 1) {
    fleet = await startFleet(loaded, {
      ...{ workers, observe, traced, terminal, ...common },
      onListening: onServing,
      stopped: signals.stop,
      program: Deno.mainModule,
      checkPassword: (question) => passwords.check(question),
      notice: (event) => monitor.notice(event),
      log: (lines) => log.append(lines),
    });
  }
  const app: App = fleet ??
    await startApp(loaded, observe, {
      ...{ traced, ...common, rates: new RateTable(common.rates) },
      onListening: onServing,
      descriptors: descriptorLimit(),
      checkPassword: (password, hash) => passwords.check({ password, hash }),
    });
  return { app, fleet, observers, passwords, cluster, publish };
}

/** What all threads go by, and in a cluster all replicas. */
interface Common {
  readonly ticketKeys: TicketKeySets;
  readonly stickyKeys: StickyKeys;
  /** Where rates are kept. */
  readonly rates: SharedArrayBuffer;
}

function commonTo(
  cluster: ClusterLink | undefined,
  { onTickets, onSticky, cleanUp }: {
    onTickets: (sets: TicketKeySets) => void;
    onSticky: (keys: StickyKeys) => void;
    cleanUp: AsyncDisposableStack;
  },
): Common {
  const tickets = cluster?.secret(TICKET_SECRET, onTickets) ??
    cleanUp.use(new TicketTurns(onTickets));
  const stickyKeys = cluster?.secret(STICKY_SECRET, onSticky).sets ?? [newStickyKey()];
  const rates = rateMemory({ told: cluster !== undefined });
  cluster?.shareRates(rates);
  return { ticketKeys: tickets.sets, stickyKeys, rates };
}

/** What works beside those who serve, and what puts it in force at first. */
interface Services {
  readonly admin: AdminService;
  readonly reloader: Reloader;
  /** Settles when all of it works, and the first reload may be. */
  readonly begun: Promise<void>;
}

function startServices(
  { app, fleet, observers, passwords, cluster, publish }: Serving,
  { path, loaded, cleanUp }: {
    path: string | undefined;
    loaded: LoadedConfig;
    cleanUp: AsyncDisposableStack;
  },
): Services {
  const { log, monitor, observe } = observers;
  const admin = cleanUp.use(
    new AdminService(
      monitor,
      adminTarget({ app, fleet }, {
        acme: () => acme.statuses,
        reload: () => reloader.reload("POST /reload"),
      }),
    ),
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
    ...{ path, loaded, observe, cleanUp },
    begun: inForce.promise,
  });
  const begun = Promise.try(async () => {
    const { config } = loaded;
    const staged = await stageAll([
      () => admin.prepare(config.admin),
      () => acme.prepare(config),
    ]);
    // behind all who listen to it, and ahead of the first order
    await cluster?.open();
    await staged.commit();
    inForce.resolve();
  });
  return { admin, reloader, begun };
}

/** What the admin listener shows, and what it may do; `services` are there once it is asked. */
function adminTarget(
  { app, fleet }: { app: App; fleet: Fleet | undefined },
  services: { acme: () => readonly AcmeStatus[]; reload: () => Promise<void> },
): AdminTarget {
  return {
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
      return services.acme();
    },
    get workers() {
      return fleet?.workers ?? { running: 1, died: 0 };
    },
    refresh: async (what) => await fleet?.refresh(what),
    servers: () => app.servers(),
    setDrained: (server, drained) => app.setDrained(server, drained),
    reload: services.reload,
  };
}

/** Tells what was done. @param cutOff how many connections were ended before they were over */
function tellEnd(
  cutOff: number,
  { fleet, observers: { tally, monitor }, say }: {
    fleet: Fleet | undefined;
    observers: Observers;
    say: Say;
  },
): void {
  for (const counts of fleet?.tallies ?? []) tally.add(counts);
  if (cutOff > 0) {
    const were = agreeing(cutOff, "was", "were");
    say(`the drain time is over: ${plural(cutOff, "connection")} ${were} cut off`);
  }
  say(tally.summary());
  for (const line of ledgerLines(monitor.totals.ledger)) say(line);
}
