import type { Address } from "./address.ts";

/**
 * One established connection, TLS or plain, as a pair of Web Streams.
 *
 * `readable` is pull-based: nothing is read from the peer until somebody asks, so a consumer that
 * stops reading stops the peer. It ends when the peer half-closes and errors when the peer breaks
 * off. A chunk may lie in a recycled buffer: it is valid until the consumer has asked for two
 * more; whoever keeps bytes longer copies them.
 *
 * `writable` accepts one chunk at a time (high-water mark 1); a write settles once the runtime has
 * taken the bytes, and the chunk may be reused from then on. Closing it half-closes the connection:
 * the peer sees an end while `readable` goes on.
 */
export interface Connection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly peer: Address;
  readonly local: Address;
  /** Bytes of payload read and written so far. */
  readonly bytes: { readonly read: number; readonly written: number };
  /** Makes `readable` fail with `reason` while `writable` still works: for a last answer. */
  failReadable(reason: Error): void;
  /**
   * Ends both directions at once and frees the socket; pending reads and writes fail with
   * `reason`. Does nothing the second time. After a clean end of both directions it only frees.
   */
  close(reason?: Error): void;
}

/** What a handshake settled; what the engine cannot know is undefined. */
export interface TlsFacts {
  /** The name the client asked for (RFC 6066, section 3), lower case, without trailing dot. */
  readonly sni: string | undefined;
  /** The negotiated protocol (RFC 7301), undefined where there was none. */
  readonly alpn: string | undefined;
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly protocol: string | undefined;
  /** The IANA name of the cipher suite. */
  readonly cipher: string | undefined;
  readonly resumed: boolean | undefined;
  /** Milliseconds from accept to the end of the handshake. */
  readonly handshakeMs: number;
}
