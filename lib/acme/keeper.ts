/** What is kept of a certificate beside it. */
export interface CertificateState {
  /** Orders in a row that have failed. */
  readonly failures: number;
  /** Not to be tried before, as milliseconds since the epoch. */
  readonly notBefore: number;
  /** Why the last order failed, in the CA's words; empty where none did. */
  readonly reason: string;
  /** A digest of what was asked for, and how; undefined where that is not known. */
  readonly of?: string | undefined;
}

/** An account at a CA. */
export interface Account {
  /** PEM. */
  readonly key: string;
  /** The CA's name for it; undefined until it has given one. */
  readonly url: string | undefined;
  /** The address of mail that the CA has been told last; undefined for none. */
  readonly email?: string | undefined;
}

/** A certificate as a CA has given it. */
export interface IssuedCertificate {
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

/** An order that a CA has and that was not seen to its end. */
export interface PlacedOrder {
  /** The CA's directory. */
  readonly directory: string;
  /** The CA's name for it. */
  readonly url: string;
  readonly names: readonly string[];
  /** PEM of the key that the certificate is for. */
  readonly key: string;
}

/** Who keeps what is known of certificates: a folder, or a folder and what replicas share. */
export interface Keeper {
  /** @returns undefined where there is none for this CA */
  account(directory: string): Promise<Account | undefined>;
  saveAccount(directory: string, account: Account): Promise<void>;
  /** @returns undefined where there is no whole one */
  certificate(name: string): Promise<IssuedCertificate | undefined>;
  saveCertificate(name: string, certificate: IssuedCertificate): Promise<void>;
  state(name: string): Promise<CertificateState>;
  saveState(name: string, state: CertificateState): Promise<void>;
  /** @returns undefined where none is open */
  order(name: string): Promise<PlacedOrder | undefined>;
  /** @param order undefined once it is over */
  saveOrder(name: string, order: PlacedOrder | undefined): Promise<void>;
  /**
   * Runs what one alone of those who share all this may do at a time.
   *
   * @returns false where another does, or nobody can say: then it was not run
   */
  exclusively(action: () => Promise<void>): Promise<boolean>;
}
