import type { Observer } from "../core/event.ts";
import { type Certificate, daysUntilExpiry, warningDays } from "../certificates/certificate.ts";

/** Days before the end at which another warning is due, behind the first. */
const WARN_DAYS: readonly number[] = [14, 7, 3, 1, 0];

/** How often is looked: a day is noticed within the hour. */
const LOOK_MS = 3_600_000;

/** Warns of certificates that are about to expire, once for each of `dueDays`. */
export class ExpiryWatch implements Disposable {
  readonly #observe: Observer;
  /** By fingerprint, the least of `dueDays` that has been told. */
  #told = new Map<string, number>();
  #certificates: readonly Certificate[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(observe: Observer) {
    this.#observe = observe;
    this.#timer = setInterval(() => this.look(new Date()), LOOK_MS);
  }

  /** Which certificates from now on. */
  watch(certificates: readonly Certificate[], now: Date): void {
    this.#certificates = certificates;
    const kept = new Set(certificates.map(({ fingerprint }) => fingerprint));
    this.#told = new Map([...this.#told].filter(([fingerprint]) => kept.has(fingerprint)));
    this.look(now);
  }

  look(now: Date): void {
    for (const certificate of this.#certificates) {
      if (certificate.placeholder === true) continue;
      const days = daysUntilExpiry(certificate, now);
      const due = dueDays(certificate).findLast((limit) => days <= limit);
      const told = this.#told.get(certificate.fingerprint) ?? Infinity;
      if (due === undefined || due >= told) continue;
      this.#told.set(certificate.fingerprint, due);
      const { label, notAfter } = certificate;
      this.#observe({ kind: "certificate_expiring", certificate: label, notAfter, days });
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function dueDays(certificate: Certificate): readonly number[] {
  const first = warningDays(certificate);
  return [first, ...WARN_DAYS.filter((days) => days < first)];
}
