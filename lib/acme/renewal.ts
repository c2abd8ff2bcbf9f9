/** From when to when a certificate is good, as milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** When a CA would like a certificate to be renewed (RFC 9773, section 4.2), as milliseconds. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
}

/**
 * When to renew, as milliseconds since the epoch: at a random moment of the CA's window where it has
 * given one, else `renewBefore` milliseconds before the end, or at two thirds of the life. What
 * would be behind the end of the certificate is before it. One that lives hardly longer than
 * `renewBefore` would be due as soon as it is there, and so would each that takes its place: it
 * goes by two thirds.
 *
 * @param chance from 0 to 1, kept for a certificate: else a moment would be drawn at each look
 */
export function renewalTime(
  { notBefore, notAfter }: Validity,
  { renewBefore, window, chance }: {
    renewBefore?: number | undefined;
    window?: RenewalWindow | undefined;
    chance: number;
  },
): number {
  const life = notAfter - notBefore;
  if (window !== undefined) {
    const end = Math.max(window.start, window.end);
    return Math.min(window.start + chance * (end - window.start), notAfter);
  }
  const before = renewBefore === undefined || renewBefore > 0.9 * life ? life / 3 : renewBefore;
  // a little sooner, by up to a twentieth of what is left: certificates of one day part
  return notAfter - before - chance * before / 20;
}

/** Milliseconds after so many failed orders in a row: no CA is asked more than five times an hour. */
const PAUSES_MS = [60_000, 10 * 60_000, 3_600_000, 6 * 3_600_000, 86_400_000] as const;

/** The share of a pause that chance adds at the most. */
const CHANCE_SHARE = 1 / 10;

/** No pause is longer, in milliseconds. */
export const LONGEST_PAUSE_MS = PAUSES_MS[4] * (1 + CHANCE_SHARE);

/**
 * Milliseconds to wait after an order has failed: from a minute to a day.
 *
 * @param failures in a row, 1 or more
 * @param chance from 0 to 1
 */
export function pauseAfter(failures: number, chance: number): number {
  const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1] ?? PAUSES_MS[0];
  return Math.round(pause * (1 + chance * CHANCE_SHARE));
}

/**
 * Milliseconds to wait where a CA could not be asked, after so many times in a row: nothing of its
 * limits is used up, so from five seconds to ten minutes.
 */
export function retryPause(failures: number, chance: number): number {
  const pause = Math.min(5_000 * 2 ** (failures - 1), 10 * 60_000);
  return Math.round(pause * (1 + chance * CHANCE_SHARE));
}

/**
 * What a CA calls a certificate in renewal (RFC 9773, section 4.1).
 *
 * @param keyIdentifier of the extension AuthorityKeyIdentifier
 * @param serialNumber the bytes of the INTEGER, with its leading zero where it has one
 */
export function renewalIdentifier(keyIdentifier: Uint8Array, serialNumber: Uint8Array): string {
  const options = { alphabet: "base64url", omitPadding: true } as const;
  return `${keyIdentifier.toBase64(options)}.${serialNumber.toBase64(options)}`;
}

/** A CA's answer (RFC 9773, section 4.2); undefined where it is none. */
export function parseRenewalInfo(value: unknown): RenewalWindow | undefined {
  if (typeof value !== "object" || value === null || !("suggestedWindow" in value)) {
    return undefined;
  }
  const { suggestedWindow } = value;
  if (typeof suggestedWindow !== "object" || suggestedWindow === null) return undefined;
  const { start, end } = suggestedWindow as Record<string, unknown>;
  const window = { start: Date.parse(String(start)), end: Date.parse(String(end)) };
  return Number.isFinite(window.start) && Number.isFinite(window.end) && window.start < window.end
    ? window
    : undefined;
}
