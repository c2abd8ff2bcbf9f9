import { alertName } from "../wire.ts";
import { ALERT_REASONS } from "./binding.ts";
import { type OpenSsl, textAt } from "./library.ts";

/**
 * What went wrong, in words, by the error of the thread's queue that says most; it is empty
 * afterwards: an error left there would be taken for one of the next call, of another connection.
 */
export function takeError({ crypto }: Pick<OpenSsl, "crypto">): string {
  let words = "no reason given";
  let telling = 0;
  for (let code = crypto.ERR_get_error(); code !== 0; code = crypto.ERR_get_error()) {
    const reason = code & REASON_BITS;
    const text = textAt(crypto, crypto.ERR_reason_error_string(BigInt(code)));
    // "EVP lib" says that another library has failed, which has said why, or has nothing to say
    const library = code >>> LIBRARY_SHIFT;
    const says = / lib$/.test(text) ? 1 : library === LIBSSL ? 3 : 2;
    if (says <= telling) continue;
    // "wrong tag" alone does not tell of what
    const prefix = library === ASN1 ? "malformed ASN.1, " : "";
    [words, telling] = [prefix + wordsFor(reason, text), says];
  }
  return words;
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
/** The same, of `ERR_GET_LIB`. */
const LIBRARY_SHIFT = 23;
const LIBSSL = 20;
const ASN1 = 13;

const CLEARER: Readonly<Record<string, string>> = {
  "decryption failed or bad record mac": "bad record MAC",
  "wrong version number": "a record of an unknown protocol version",
  "record too small": "too many empty records",
};
