/** What a listener asks of the TLS of its clients. */
export interface TlsPolicy {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Refuses a name that no certificate covers; a client that sends none gets the default. */
  readonly strictSni: boolean;
}

/** What clients have to prove of themselves. */
export interface ClientAuth {
  /** Tells what is asked from other such, also once its files have been renewed. */
  readonly id: string;
  readonly mode: "require" | "optional";
  /** The authorities whose certificates are believed, as PEM. */
  readonly ca: string;
  /** What they have revoked, as PEM; undefined where it is not looked at. */
  readonly crl: string | undefined;
}
