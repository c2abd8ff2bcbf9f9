import type { Field } from "./field.ts";

/** An answer that the proxy gives by itself, whole and in no framing. */
export interface OwnAnswer {
  readonly status: number;
  /**
   * Without those of framing and of the connection, `Content-Length` and `Date`: who renders it adds
   * them.
   */
  readonly fields: readonly Field[];
  /** Empty for none; whoever answers a HEAD request leaves it away. */
  readonly body: Uint8Array;
}

export const NO_BODY_BYTES: Uint8Array = new Uint8Array(0);
