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

/** Who is told of what a peer has sent; never before the call that asked for it has returned. */
export interface Receiver {
  /** So many bytes have come; 0 where the peer has half-closed. */
  received(count: number): void;
  /** The peer has broken off, or the reading was made to fail. */
  receiveFailed(error: Error): void;
}

/** Who is told what has become of bytes to be sent. */
export interface Sender {
  /** The runtime has taken all of them: they may be used again. */
  sent(): void;
  sendFailed(error: Error): void;
}

/**
 * One established connection, TLS or plain, in three forms: `receive` and `send`, which make no
 * promises and read into buffers of their user, for whoever goes by messages; `read` and `write`;
 * and a pair of Web Streams over these to be piped. Each direction is used in one form at a time.
 */
export interface Connection extends ByteSource, ByteSink {
  /**
   * Reads into a buffer, at least a byte, as much as is at hand. One call at a time. Behind a full
   * buffer's worth some more may be read ahead: while `reading`, what lies behind the bytes that
   * were received last is not the user's.
   */
  receive(into: Uint8Array, receiver: Receiver): void;
  /** Whether something is being read into the buffer that was given last. */
  readonly reading: boolean;
  /** Sends bytes; one call at a time. That it fails leaves what the peer has sent to be received. */
  send(bytes: Uint8Array, sender: Sender): void;
  /** `read` as a stream that pulls (high-water mark 0); it ends at the peer's half-close. */
  readonly readable: ReadableStream<Uint8Array>;
  /** `write` as a stream of one chunk at a time (high-water mark 1); closing it half-closes. */
  readonly writable: WritableStream<Uint8Array>;
  readonly peer: Address;
  readonly local: Address;
  /** Bytes of payload read and written so far. */
  readonly bytes: { readonly read: number; readonly written: number };
  /** Rises with what the system takes of what is sent, also amid a piece, where that can be seen. */
  readonly taken: number;
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
