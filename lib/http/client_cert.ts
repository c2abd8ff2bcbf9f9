/** What servers are told of a client's certificate (RFC 9440), as the values of two fields. */
export interface ClientCertFields {
  /** Of `Client-Cert`. */
  readonly certificate: string;
  /** Of `Client-Cert-Chain`; undefined where the client has sent no more certificates. */
  readonly chain: string | undefined;
}

/**
 * The values for a chain as the client has shown it.
 *
 * @param chain certificates as DER, the client's own first; undefined is given for none
 */
export function clientCertFields(chain: readonly Uint8Array[]): ClientCertFields | undefined {
  const [own, ...rest] = chain.map(byteSequence);
  if (own === undefined) return undefined;
  return { certificate: own, chain: rest.length === 0 ? undefined : rest.join(", ") };
}

/** RFC 8941, section 4.1.8. */
function byteSequence(bytes: Uint8Array): string {
  return `:${bytes.toBase64()}:`;
}
