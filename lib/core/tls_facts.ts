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
  /** The group of the key exchange, such as `x25519`. */
  readonly group?: string | undefined;
  readonly resumed: boolean | undefined;
  /** The certificate that the client has shown and proved; undefined where it has none. */
  readonly clientCert?: ClientCertFacts | undefined;
  /** Milliseconds from accept to the end of the handshake; undefined where it is a server's. */
  readonly handshakeMs: number | undefined;
}

/** What logs and rules say of a client's certificate. */
export interface ClientCertFacts {
  /** Its distinguished name (RFC 4514), in printable ASCII: `CN=alice,O=Example`. */
  readonly subject: string;
  /** SHA-256 of its DER, hexadecimal. */
  readonly fingerprint: string;
}
