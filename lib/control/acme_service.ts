import { type AcmeStatus, CertificateManager } from "../acme/manager.ts";
import { ChallengeBoard, type PendingChallenges } from "../acme/challenges.ts";
import type { Keeper } from "../acme/keeper.ts";
import { AcmeStore } from "../acme/store.ts";
import type { AcmeConfig, Config } from "../config/config.ts";
import type { Observer } from "../core/event.ts";
import type { Staged } from "../core/staged.ts";
import { challengesOf } from "./acme_challenges.ts";
import { readNamed, readSecret } from "./read_named.ts";
import { objectionTo } from "./reachability.ts";

/** What getting certificates works on. */
export interface AcmeTarget {
  /** Has all workers answer a CA so from now on. */
  readonly publish: (pending: PendingChallenges) => Promise<void>;
  /** Has the certificates of the store be served. */
  readonly serve: () => Promise<void>;
  readonly observe: Observer;
  /** What is kept together with other replicas; undefined where this is the only one. */
  readonly share?: (store: AcmeStore, onNews: () => void) => Keeper;
}

/** Gets and renews the certificates of the configuration in force. */
export class AcmeService implements Disposable {
  readonly #target: AcmeTarget;
  readonly #board: ChallengeBoard;
  #manager: CertificateManager | undefined;
  #store: string | undefined;

  constructor(target: AcmeTarget) {
    this.#target = target;
    this.#board = new ChallengeBoard(target.publish);
  }

  /** Where every certificate stands. */
  get statuses(): readonly AcmeStatus[] {
    return this.#manager?.statuses ?? [];
  }

  /** Looks at all certificates now: another replica may have got one. */
  look(): void {
    this.#manager?.look();
  }

  /**
   * Makes ready for a configuration.
   *
   * @throws {ProxyError} `bad_config` where store or files cannot be used
   */
  async prepare(config: Config): Promise<Staged> {
    const { acme } = config;
    const certificates = config.certificates.flatMap(({ acme }) =>
      acme === undefined ? [] : [acme]
    );
    if (acme === undefined || certificates.length === 0) {
      return { commit: () => this.#manager?.manage(undefined, []), drop: ignore };
    }
    const settings = {
      ...acme,
      ca: acme.caFile === undefined ? undefined : await readNamed(acme.caFile),
      binding: await bindingOf(acme),
      challenges: challengesOf(config),
    };
    const kept = this.#store === acme.store ? this.#manager : undefined;
    const manager = kept ?? await this.#open(acme.store);
    return {
      commit: () => {
        if (manager !== this.#manager) this.#manager?.[Symbol.dispose]();
        this.#manager = manager;
        this.#store = acme.store;
        manager.manage(settings, certificates);
      },
      drop: () => {
        if (manager !== kept) manager[Symbol.dispose]();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#manager?.[Symbol.dispose]();
  }

  async #open(folder: string): Promise<CertificateManager> {
    const own = new AcmeStore(folder);
    await own.open();
    const { serve, observe, share } = this.#target;
    return new CertificateManager({
      store: share === undefined ? own : share(own, () => this.look()),
      board: this.#board,
      // by tls-alpn-01 nobody looks at plain HTTP, which may be somebody else's
      objection: async (names, { challenges, ca }) =>
        challenges[0] === "http-01"
          ? await objectionTo(names, { board: this.#board, isPublic: ca === undefined })
          : undefined,
      onObtained: serve,
      tell: (news) => {
        const { names } = news;
        if (news.kind === "obtained") {
          const notAfter = new Date(news.notAfter);
          observe({ kind: "certificate_obtained", names, notAfter });
        } else {
          const { reason } = news;
          observe({ kind: "certificate_failed", names, reason, again: new Date(news.again) });
        }
      },
      now: () => Date.now(),
    });
  }
}

async function bindingOf({ eab }: AcmeConfig) {
  if (eab === undefined) return undefined;
  return { kid: eab.kid, hmacKey: await readSecret(eab.hmacFile) };
}

function ignore(): void {}
