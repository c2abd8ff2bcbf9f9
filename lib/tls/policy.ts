import { cipherSuite, isHybrid } from "../core/cipher_suites.ts";

/** What a listener asks of the TLS of its clients. */
export interface TlsPolicy {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Refuses a name that no certificate covers; a client that sends none gets the default. */
  readonly strictSni: boolean;
  /**
   * The cipher suites that may be taken, by their names of IANA, best first; undefined for all that
   * `CIPHER_SUITES` has but CCM. A version of which there is none is refused.
   */
  readonly ciphers?: readonly string[] | undefined;
  /** The groups of the key exchange, see `GROUP_NAMES`; undefined for the library's modern ones. */
  readonly groups?: readonly string[] | undefined;
  /** Whether sessions are resumed by tickets; so by default. */
  readonly sessionTickets?: boolean | undefined;
}

/** The least that is asked where nobody asks for more. */
export const DEFAULT_POLICY: TlsPolicy = { minVersion: "TLSv1.2", strictSni: false };

export type TlsVersion = TlsPolicy["minVersion"];

/**
 * The versions that a client may speak: those at least as new as asked that have a cipher suite and
 * a group.
 */
export function versionsOf({ minVersion, ciphers, groups }: TlsPolicy): readonly TlsVersion[] {
  const hasSuite = (version: TlsVersion) =>
    ciphers === undefined || ciphers.some((name) => cipherSuite(name)?.version === version);
  const hasGroup = (version: TlsVersion) =>
    version === "TLSv1.3" || groups === undefined || !groups.every(isHybrid);
  return VERSIONS.filter((version) =>
    version >= minVersion && hasSuite(version) && hasGroup(version)
  );
}

const VERSIONS: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];

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
