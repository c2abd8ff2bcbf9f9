import { createHash } from "node:crypto";
import { messageOf } from "../core/errors.ts";
import { Authority, type AuthorityOptions, OrderError } from "./authority.ts";
import type { ChallengeBoard, ChallengeType } from "./challenges.ts";
import { type IssuedLeaf, readIssuedLeaf } from "./issued_leaf.ts";
import {
  LONGEST_PAUSE_MS,
  pauseAfter,
  renewalTime,
  type RenewalWindow,
  retryPause,
} from "./renewal.ts";
import type { CertificateState, Keeper, PlacedOrder } from "./keeper.ts";
import { NO_FAILURE } from "./store.ts";

/** How certificates are got. */
export interface AcmeSettings extends AuthorityOptions {
  /** What is answered here, first choice first. */
  readonly challenges: readonly ChallengeType[];
  /** Milliseconds; undefined for a third of the life. */
  readonly renewBefore: number | undefined;
}

/** Where a certificate stands. */
export interface AcmeStatus {
  readonly names: readonly string[];
  /** When the one at hand ends, as milliseconds since the epoch; undefined where there is none. */
  readonly notAfter: number | undefined;
  /** When it will be asked for, as milliseconds since the epoch. */
  readonly due: number;
  /** Orders in a row that have failed. */
  readonly failures: number;
  /** Why the last has failed; empty where it has not. */
  readonly reason: string;
}

/** What there is to tell. */
export type AcmeNews =
  | { readonly kind: "obtained"; readonly names: readonly string[]; readonly notAfter: number }
  | {
    readonly kind: "failed";
    readonly names: readonly string[];
    readonly reason: string;
    /** When it is tried again, as milliseconds since the epoch. */
    readonly again: number;
  };

export interface ManagerOptions {
  readonly store: Keeper;
  readonly board: ChallengeBoard;
  /** What stands against an order for these names, seen from here; undefined where nothing does. */
  readonly objection: (
    names: readonly string[],
    settings: AcmeSettings,
  ) => Promise<string | undefined>;
  /** A certificate is in the store: to be served from now on. */
  readonly onObtained: () => Promise<void>;
  readonly tell: (news: AcmeNews) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Milliseconds after which is looked again where another replica is at it, or nobody can say. */
const BUSY_MS = 5_000;

/** Milliseconds after which due dates are looked at in any case: a CA may have changed its mind. */
const LOOK_MS = 6 * 3_600_000;

/**
 * Milliseconds after which the clock is looked at: it may be set, or go on while the machine sleeps,
 * and no timer knows of that.
 */
const CLOCK_MS = 60_000;

/** The CA was asked. */
const REFUSED = { unreachable: false };

const NOT_OURS =
  "what the CA has given is no certificate for these names with the key of the order";

/** Else the next would be ordered at once, and so on for as long as the CA lets us. */
const DUE_AT_ONCE =
  "what the CA has given is served and is due again at once: is the clock of this machine right?";

interface Managed {
  readonly names: readonly string[];
  status: AcmeStatus;
  /** A digest of what is asked for, and how. */
  readonly of: string;
  /**
   * Until when what another configuration asked for was not to be tried again, as it was found at
   * the first look; undefined before that.
   */
  othersPause: number | undefined;
}

/** Gets certificates and renews them, one after another, for as long as it is open. */
export class CertificateManager implements Disposable {
  readonly #options: ManagerOptions;
  #settings: AcmeSettings | undefined;
  #managed: readonly Managed[] = [];
  #authority: Promise<Authority> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #working: Promise<void> = Promise.resolve();
  #willLook = false;
  #closed = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** Where every certificate stands. */
  get statuses(): readonly AcmeStatus[] {
    return this.#managed.map(({ status }) => status);
  }

  /**
   * Takes a configuration; what is missing or due is asked for at once.
   *
   * @param certificates the names of each; the first is what it is called
   */
  manage(settings: AcmeSettings | undefined, certificates: readonly (readonly string[])[]): void {
    const isSame = JSON.stringify(settings) === JSON.stringify(this.#settings);
    const before = this.#managed.map(({ names }) => names);
    // a reload that is not about them, such as for a new certificate, disturbs no order
    if (isSame && JSON.stringify(certificates) === JSON.stringify(before)) return;
    if (!isSame) this.#authority = undefined;
    this.#settings = settings;
    this.#managed = certificates.map((names) => ({
      ...{ names, status: unknown(names), othersPause: undefined },
      of: digestOf(names, settings),
    }));
    clearTimeout(this.#timer);
    this.#working = this.#working.then(() => this.#work());
  }

  /** Looks at all of them now: another replica may have got one. One look stands for all that wait. */
  look(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    this.#working = this.#working.then(() => {
      this.#willLook = false;
      return this.#work();
    });
  }

  /** Settles once what was due is done. */
  get idle(): Promise<void> {
    return this.#working;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** @param due milliseconds since the epoch; all is looked at after `LOOK_MS` in any case */
  #wakeAt(due: number): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#settings === undefined || this.#managed.length === 0) return;
    const end = performance.now() + LOOK_MS;
    const left = () => Math.min(due - this.#options.now(), end - performance.now());
    const wait = () => {
      this.#timer = setTimeout(() => {
        if (left() > 0) wait();
        else this.#working = this.#working.then(() => this.#work());
      }, Math.min(Math.max(left(), 100), CLOCK_MS));
    };
    wait();
  }

  async #work(): Promise<void> {
    const managed = this.#managed;
    if (this.#settings === undefined) return;
    for (const one of managed) {
      // a reload has come: it begins anew
      if (this.#closed || managed !== this.#managed) return;
      await this.#see(one);
    }
    if (managed === this.#managed) {
      this.#wakeAt(Math.min(...managed.map(({ status }) => status.due)));
    }
  }

  /** Looks whether a certificate is due, and asks for it where it is. */
  async #see(one: Managed): Promise<void> {
    const { store, now } = this.#options;
    try {
      await this.#look(one);
      if (one.status.due > now()) return;
      const alone = await store.exclusively(async () => {
        // another replica may just have got it
        const leaf = await this.#look(one);
        if (one.status.due <= now()) await this.#renew(one, leaf);
      });
      if (!alone) one.status = { ...one.status, due: now() + BUSY_MS };
    } catch (error) {
      // the store itself
      await this.#failed(one, messageOf(error), { unreachable: true });
    }
  }

  /** Where a certificate stands. @returns what is at hand */
  async #look(one: Managed): Promise<IssuedLeaf | undefined> {
    const { names, status: { notAfter: before } } = one;
    const name = names[0] ?? "";
    const { store, now } = this.#options;
    const stored = await store.certificate(name);
    const leaf = stored && await readIssuedLeaf(stored);
    // what is at hand waits for no CA that takes its time
    one.status = { ...one.status, notAfter: leaf?.notAfter };
    // at the start, and by another replica: whoever serves finds out whether that is news
    if (leaf !== undefined && leaf.notAfter !== before) await this.#options.onObtained();
    const { failures, reason, notBefore } = own(one, await store.state(name));
    // what is further ahead is of a clock that was wrong
    const pausesUntil = notBefore > now() + LONGEST_PAUSE_MS ? 0 : notBefore;
    const due = Math.max(await this.#due(names, leaf), pausesUntil);
    one.status = { names, notAfter: leaf?.notAfter, due, failures, reason };
    return leaf;
  }

  /** When to ask for a certificate: at once where there is none for all of these names. */
  async #due(names: readonly string[], leaf: IssuedLeaf | undefined): Promise<number> {
    if (leaf === undefined || !isFor(leaf, names)) return 0;
    const { renewBefore } = this.#settings ?? {};
    const window = await this.#window(leaf);
    return renewalTime(leaf, { renewBefore, window, chance: leaf.chance });
  }

  async #window({ identifier }: IssuedLeaf): Promise<RenewalWindow | undefined> {
    if (identifier === undefined || this.#settings === undefined) return undefined;
    return (await this.#open(this.#settings)).renewalWindow(identifier);
  }

  async #renew(one: Managed, leaf: IssuedLeaf | undefined): Promise<void> {
    const settings = this.#settings;
    if (settings === undefined) return;
    const { names } = one;
    const name = names[0] ?? "";
    const { store, board, objection, onObtained, tell } = this.#options;
    let authority: Authority | undefined;
    try {
      const objected = await objection(names, settings);
      if (objected !== undefined) return await this.#failed(one, objected, REFUSED);
      authority = await this.#openShared(settings);
      // kept before the CA knows it: the account is found again by its key
      await store.saveAccount(settings.directory, authority.account);
      await store.saveAccount(settings.directory, await authority.register());
      const replaces = leaf?.identifier;
      const { challenges } = settings;
      const open = await store.order(name);
      const memory = {
        // one whose certificate is here is over
        open: open?.key === (await store.certificate(name))?.key ? undefined : open,
        placed: (order: PlacedOrder) => store.saveOrder(name, order),
      };
      const issued = await authority.order({ names, challenges, replaces }, { board, memory });
      const got = await readIssuedLeaf(issued);
      if (got === undefined || !isFor(got, names)) throw new OrderError(NOT_OURS, REFUSED);
      await store.saveCertificate(name, issued);
      await store.saveOrder(name, undefined);
      const { notAfter } = got;
      const due = await this.#due(names, got);
      const isDue = due <= this.#options.now();
      const failures = isDue ? one.status.failures : 0;
      one.status = { names, notAfter, due, failures, reason: "" };
      if (!isDue) await store.saveState(name, NO_FAILURE);
      tell({ kind: "obtained", names, notAfter });
      await onObtained();
      if (isDue) await this.#failed(one, DUE_AT_ONCE, REFUSED);
    } catch (error) {
      const isOrders = error instanceof OrderError;
      // nor has the CA refused anything where the store could not be written
      const unreachable = !isOrders || error.unreachable;
      // what the store has failed at is taken up: a CA gives the same certificate a few times only
      if (isOrders && !unreachable) await store.saveOrder(name, undefined).catch(() => {});
      // a CA that has forgotten it tells whoever asks next the same
      if (isOrders && authority !== undefined) {
        await store.saveAccount(settings.directory, authority.account).catch(() => {});
      }
      await this.#failed(one, messageOf(error), { unreachable });
    }
  }

  async #failed(
    one: Managed,
    reason: string,
    { unreachable }: { unreachable: boolean },
  ): Promise<void> {
    const { store, now, tell } = this.#options;
    const failures = one.status.failures + 1;
    const pause = (unreachable ? retryPause : pauseAfter)(failures, Math.random());
    const notBefore = now() + pause;
    one.status = { ...one.status, due: notBefore, failures, reason };
    tell({ kind: "failed", names: one.names, reason, again: notBefore });
    // kept, so that a restart does not ask a CA that has just refused
    const state = { failures, notBefore, reason, of: one.of };
    await store.saveState(one.names[0] ?? "", state).catch(() => {});
  }

  /** The CA, as the account that another replica may have made meanwhile. */
  async #openShared(settings: AcmeSettings): Promise<Authority> {
    const account = await this.#options.store.account(settings.directory);
    const authority = await this.#open(settings);
    const { key, url } = authority.account;
    if (account === undefined || (account.key === key && account.url === url)) return authority;
    this.#authority = undefined;
    return await this.#open(settings);
  }

  #open(settings: AcmeSettings): Promise<Authority> {
    if (this.#authority !== undefined) return this.#authority;
    const opening = this.#options.store.account(settings.directory)
      .then((account) => Authority.open(settings, account));
    // what has failed, such as for want of descriptors, may well be done the next time
    opening.catch(() => {
      if (this.#authority === opening) this.#authority = undefined;
    });
    return this.#authority = opening;
  }
}

/** Of what a CA may refuse: the same for all replicas, wherever their files are. */
function digestOf(names: readonly string[], settings: AcmeSettings | undefined): string {
  const { directory, email, keyType, binding, challenges } = settings ?? {};
  const asked = JSON.stringify([names, directory, email, keyType, binding, challenges]);
  return createHash("sha256").update(asked).digest("hex");
}

/**
 * What has failed, but for what another configuration asked for: who has mended one need not wait.
 * That is seen once: replicas whose configurations differ keep each other's pauses.
 */
function own(one: Managed, state: CertificateState): CertificateState {
  const isOthers = state.of !== undefined && state.of !== one.of;
  one.othersPause ??= isOthers ? state.notBefore : 0;
  return isOthers && state.notBefore === one.othersPause ? NO_FAILURE : state;
}

function isFor(leaf: IssuedLeaf, names: readonly string[]): boolean {
  return names.every((name) => leaf.names.includes(name));
}

function unknown(names: readonly string[]): AcmeStatus {
  return { names, notAfter: undefined, due: 0, failures: 0, reason: "" };
}
