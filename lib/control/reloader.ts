import { asProxyError, messageOf, ProxyError } from "../core/errors.ts";
import type { CertificateConfig } from "../config/config.ts";
import { formatProblem } from "../config/problem.ts";
import type { Observer } from "../core/event.ts";
import { type Certificate, loadCertificateSettled } from "../certificates/certificate.ts";
import type { FileStamps } from "../io/file_stamp.ts";
import { isOfShortage } from "../io/shortage.ts";
import { orStandIn } from "./stand_in_certificate.ts";
import { EngineTrials } from "./engine_trial.ts";
import { notPermitted } from "./fence.ts";
import { loadConfigFile } from "./load.ts";
import type { CertificateReader } from "./certificate_reader.ts";
import { loadFiles } from "./load_files.ts";
import { planReload } from "./reload_plan.ts";
import type { LoadedConfig } from "./snapshot.ts";

/** What a reload works on. */
export interface ReloadTarget {
  /** The YAML file; undefined where flags made the configuration. */
  readonly path: string | undefined;
  /** Takes a new configuration, or throws and keeps the old one; says what has changed. */
  readonly apply: (next: LoadedConfig) => Promise<readonly string[]>;
  /** Called with what is in force after each change. */
  readonly onApplied: (current: LoadedConfig) => void;
  /**
   * Called with the files that a configuration names which was refused, as each stood; with none
   * once there is no such configuration any more.
   */
  readonly onRefused?: (files: FileStamps) => void;
  /** Called where a certificate from a CA that is served is no longer whole in its store. */
  readonly onLost: () => void;
  /** Settles once all of the start is in force: before that nothing takes its place. */
  readonly begun?: Promise<void>;
  readonly observe: Observer;
}

/** What is read anew: the configuration and its files, or these alone. */
type ReloadKind = "everything" | "files";

/**
 * Reloads, one at a time. A new configuration is read, checked and tested whole before anything of
 * it is taken; whatever is wrong with it, the old one goes on and the reasons are told.
 */
export class Reloader {
  readonly #target: ReloadTarget;
  readonly #trials = new EngineTrials();
  #current: LoadedConfig;
  #queue: Promise<void>;
  /** Those that wait to begin. */
  readonly #waiting = new Map<ReloadKind, Promise<void>>();
  #stopped = false;
  /** Reads files again that could not be read, as descriptors were short: they do not change again. */
  #again: ReturnType<typeof setTimeout> | undefined;
  /** Why files could not be read the last time, where that is to be told once. */
  #told = "";
  /** A pair may be half replaced when it is looked at: the certificate new, the key still old. */
  readonly #read: CertificateReader = orStandIn(
    (paths) => loadCertificateSettled(paths, { attempts: 10, delayMs: 200 }),
    (entry) => this.#held(entry),
  );

  constructor(current: LoadedConfig, target: ReloadTarget) {
    this.#current = current;
    this.#target = target;
    this.#queue = target.begun ?? Promise.resolve();
  }

  /** Takes nothing new any more, also of what is being read: a listener would be opened anew. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#again);
  }

  /** Reads the configuration and its files anew; without a YAML file those alone. */
  reload(reason: string): Promise<void> {
    if (this.#target.path === undefined) return this.reloadFiles(reason);
    return this.#enqueue("everything", () => this.#reloadFile(reason));
  }

  /** Reads the files of the configuration in force anew, such as certificates. */
  reloadFiles(reason: string): Promise<void> {
    return this.#enqueue("files", () => this.#reloadNamedFiles(reason));
  }

  /** A reload that waits to begin stands for every later one of its kind. */
  #enqueue(what: ReloadKind, run: () => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(what);
    // not the queue: what has come behind it may go otherwise
    if (waiting !== undefined) return waiting;
    this.#queue = this.#queue.then(async () => {
      this.#waiting.delete(what);
      await run();
    });
    this.#waiting.set(what, this.#queue);
    return this.#queue;
  }

  async #reloadFile(reason: string): Promise<void> {
    const { path, observe } = this.#target;
    if (path === undefined) return;
    try {
      const file = await loadConfigFile(path, {
        now: new Date(),
        expiredIsError: false,
        readCertificate: this.#read,
        trials: this.#trials,
        objections: (config) => notPermitted(config, path),
      });
      const problems = file.problems.map((problem) =>
        formatProblem(problem, file.source, { caret: false })
      );
      this.#target.onRefused?.(file.loaded === undefined ? file.stamps : new Map());
      if (file.loaded === undefined) observe({ kind: "reload_failed", reason, problems });
      else await this.#apply(file.loaded, { reason, problems });
    } catch (error) {
      observe({ kind: "reload_failed", reason, problems: [messageOf(error)] });
    }
  }

  async #reloadNamedFiles(reason: string): Promise<void> {
    clearTimeout(this.#again);
    // a file may stand there several times
    const unread = new Map<string, unknown>();
    try {
      const next = await loadFiles(this.#current.config, {
        read: this.#read,
        onUnread: (problem) => void unread.set(problem.message, problem),
        trials: this.#trials,
        // who asks has a reason to, so all is read
        known: ASKED.has(reason) ? undefined : this.#current,
      });
      const problems = [...unread.keys()];
      const isShort = unread.values().some(isOfShortage);
      if (isShort) this.#readAgain(reason);
      const isSame = planReload(this.#current, next).length === 0;
      // files that were touched are no news, but whoever asks gets an answer
      if (!isSame || ASKED.has(reason)) await this.#apply(next, { reason, problems });
      else this.#tellUnread(problems, { reason, isShort });
    } catch (error) {
      const isShort = isOfShortage(error);
      if (isShort) this.#readAgain(reason);
      this.#tellUnread([messageOf(error)], { reason, isShort });
    }
  }

  #readAgain(reason: string): void {
    if (this.#stopped) return;
    this.#again = setTimeout(() => void this.reloadFiles(reason), AGAIN_MS);
  }

  /** What is read again and again for want of descriptors is told once. */
  #tellUnread(
    problems: readonly string[],
    { reason, isShort }: { reason: string; isShort: boolean },
  ): void {
    const told = isShort ? problems.join("\n") : "";
    const isNews = problems.length > 0 && (told === "" || told !== this.#told);
    this.#told = told;
    if (isNews) this.#target.observe({ kind: "reload_failed", reason, problems });
  }

  /** The certificate of a CA that is in force; undefined where none is. */
  #held({ cert }: CertificateConfig): Certificate | undefined {
    const { config, certificates } = this.#current;
    const index = config.certificates.findIndex((one) =>
      one.acme !== undefined && one.cert === cert
    );
    const certificate = certificates[index];
    if (certificate === undefined || certificate.placeholder === true) return undefined;
    this.#target.onLost();
    return certificate;
  }

  async #apply(
    next: LoadedConfig,
    { reason, problems }: { reason: string; problems: readonly string[] },
  ): Promise<void> {
    const { apply, observe, onApplied } = this.#target;
    try {
      if (this.#stopped) throw new ProxyError("bad_config", "The proxy is stopping");
      const changes = await apply(next);
      this.#current = next;
      onApplied(next);
      observe({ kind: "reloaded", reason, changes, warnings: problems });
    } catch (error) {
      const failed = asProxyError(error, "internal").message;
      observe({ kind: "reload_failed", reason, problems: [failed] });
    }
  }
}

/** Milliseconds until files are read again for which there were no descriptors. */
const AGAIN_MS = 5_000;

/** Reasons that are somebody's wish. */
const ASKED: ReadonlySet<string> = new Set(["SIGHUP", "POST /reload"]);
