import { alertName } from "../wire.ts";
import { ALERT_REASONS } from "./binding.ts";
import { type OpenSsl, textAt } from "./library.ts";

/**
 * What went wrong, in words, by the first error of the thread's queue, which is empty afterwards: an
 * error left there would be taken for one of the next call, of another connection.
 */
export function takeError({ crypto }: Pick<OpenSsl, "crypto">): string {
  const code = crypto.ERR_get_error();
  if (code === 0) return "no reason given";
  const reason = code & REASON_BITS;
  const text = textAt(crypto, crypto.ERR_reason_error_string(BigInt(code)));
  crypto.ERR_clear_error();
  return wordsFor(reason, text);
}

/** The words for a reason of libssl, by its number, and the library's own text for it. */
export function wordsFor(reason: number, text: string): string {
  if (reason >= ALERT_REASONS && reason < ALERT_REASONS + 256) {
    return `the peer sent the alert ${alertName(reason - ALERT_REASONS)}`;
  }
  return CLEARER[text] ?? (text === "" ? `error ${reason}` : text);
}

/** Of the packed number of an error, see `ERR_GET_REASON` (err.h). */
const REASON_BITS = 0x7fffff;

const CLEARER: Readonly<Record<string, string>> = {
  "decryption failed or bad record mac": "bad record MAC",
  "wrong version number": "a record of an unknown protocol version",
  "record too small": "too many empty records",
};
