import type { Address } from "../core/address.ts";

/** Bytes from a peer, a chunk at a time. */
export interface ByteSource {
  /**
   * The next chunk; undefined once the peer has half-closed. Nothing is read from the peer before
   * somebody asks, but for some of what follows a full chunk: a consumer that stops asking stops
   * the peer. One call at a time.
   *
   * A chunk may lie in a recycled buffer: it is valid until two more were asked for; whoever keeps
   * bytes longer copies them.
   *
   * @throws {ProxyError} when the peer breaks off
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Every chunk so far is over: what they lay in is free, or used for the next. To be called before
   * a long wait. It does nothing while a read is under way.
   */
  release?(): void;
}

/** Bytes to a peer. */
export interface ByteSink {
  /**
   * Settles once the runtime has taken the bytes: from then on they may be used again. One call at
   * a time.
   *
   * @throws {ProxyError} when the peer has gone
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Half-closes: the peer sees an end, and may go on sending. */
  endWrites(): Promise<void>;
}

/**
 * One established connection, TLS or plain, in two forms: `read` and `write` for whoever goes by
 * messages, and a pair of Web Streams over them to be piped. Each direction is used in one form.
 */
export interface Connection extends ByteSource, ByteSink {
  /** `read` as a stream that pulls (high-water mark 0); it ends at the peer's half-close. */
  readonly readable: ReadableStream<Uint8Array>;
  /** `write` as a stream of one chunk at a time (high-water mark 1); closing it half-closes. */
  readonly writable: WritableStream<Uint8Array>;
  readonly peer: Address;
  readonly local: Address;
  /** Bytes of payload read and written so far. */
  readonly bytes: { readonly read: number; readonly written: number };
  /** Makes reading fail with `reason` while writing still works: for a last answer. */
  failReads(reason: Error): void;
  /**
   * Ends both directions at once and frees the socket; pending reads and writes fail with
   * `reason`. Does nothing the second time. After a clean end of both directions it only frees.
   */
  close(reason?: Error): void;
  /** Like `close`, and the peer gets a RST where the runtime can send one: it sees a failure. */
  reset(reason?: Error): void;
}
