import type { Address } from "../core/address.ts";
import type { TlsFacts } from "../core/tls_facts.ts";
import type { Certificate } from "../certificates/certificate.ts";

/** The client of a connection that speaks HTTP, over TLS or, where it only redirects, without. */
export interface HttpClient {
  readonly peer: Address;
  readonly local: Address;
  readonly tls?: TlsFacts;
  /** The certificate the client was given. */
  readonly certificate?: Certificate | undefined;
}
