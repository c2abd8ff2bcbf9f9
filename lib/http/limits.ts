/** What the head of a message may take, as HTTP/1.1 writes it. */
export interface HeadLimits {
  /** Bytes, the first line included. */
  readonly headerBytes: number;
  /** Field lines. */
  readonly headers: number;
}

/** What a request may take. */
export interface RequestLimits extends HeadLimits {
  /** Bytes of a body; 0 or nothing is no limit. */
  readonly body?: number;
}
