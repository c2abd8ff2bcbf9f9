import type { Field } from "./field.ts";

/** The head of a request, well-formed (RFC 9112, sections 3 and 5). */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** The minor version: HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1;
  readonly fields: readonly Field[];
}

/** The head of an answer, well-formed (RFC 9112, sections 4 and 5). */
export interface ResponseHead {
  readonly minor: 0 | 1;
  /** 100 to 599. */
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
}
