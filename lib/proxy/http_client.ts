import type { Address } from "../core/address.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import type { Certificate } from "../certificates/certificate.ts";

/** The client of a connection that speaks HTTP, over TLS or without. */
export interface HttpClient {
  readonly peer: Address;
  readonly local: Address;
  /** Undefined where there is no TLS. */
  readonly tls?: TlsFacts;
  /** The certificate the client was given. */
  readonly certificate?: Certificate | undefined;
  /** What the client was asked to prove (`ClientAuth.id`); undefined where it was nothing. */
  readonly clientAuth?: string | undefined;
  /** What it has proved to be: certificates as DER, its own first. */
  readonly clientCertificates?: readonly Uint8Array[];
}
