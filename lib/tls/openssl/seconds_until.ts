import type { OpenSsl } from "./library.ts";

/**
 * Seconds from now to a time of a certificate or a revocation list; less than 0 where it has passed,
 * undefined where there is none, or none that can be read.
 *
 * @param time an `ASN1_TIME`
 */
export function secondsUntil(
  crypto: OpenSsl["crypto"],
  time: Deno.PointerValue,
): number | undefined {
  if (time === null) return undefined;
  const [days, seconds] = [new Int32Array(1), new Int32Array(1)];
  if (crypto.ASN1_TIME_diff(bytesOf(days), bytesOf(seconds), null, time) !== 1) return undefined;
  return (days[0] ?? 0) * SECONDS_A_DAY + (seconds[0] ?? 0);
}

const SECONDS_A_DAY = 24 * 60 * 60;

function bytesOf({ buffer }: Int32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}
