import { decodeLatin1 } from "../../core/latin1.ts";

/** Bytes as text, a character each. Short text is made faster by hand than by a call of the runtime. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > SHORT) return decodeLatin1(bytes.subarray(from, to));
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

const SHORT = 24;
