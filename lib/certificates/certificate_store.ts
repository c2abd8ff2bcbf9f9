import { normalizeHostPattern, parentWildcard } from "../core/host_name.ts";
import { type Certificate, validityAt } from "./certificate.ts";
import { canVerify, type ClientAbilities } from "./signature_schemes.ts";

export type { ClientAbilities } from "./signature_schemes.ts";

/** The certificates of a configuration, selected by the name a client asks for. */
export interface CertificateStore {
  /** Given where no other covers the name, and where no name is sent. */
  readonly default: Certificate;
  /** Every certificate, in the order of the config. */
  readonly all: readonly Certificate[];
  /**
   * @param name a host name or IP address in whatever form
   * @param hello what the client can verify, where it is known: of several certificates for one
   *   name it gets one that it can, ECDSA or Ed25519 before RSA, which costs more to sign with
   */
  select(name: string | undefined, hello?: ClientAbilities): Selection;
  /** Every certificate that is to be given for a host name or IP address. */
  covers(name: string): readonly Certificate[];
}

/** A certificate, and by what it was found. */
export interface Selection {
  readonly certificate: Certificate;
  readonly match: "exact" | "wildcard" | "default";
}

/** A certificate and the names it is to be given for. */
export interface CertificateEntry {
  readonly certificate: Certificate;
  /** Host names, `*.` and a host name, or IP addresses; the certificate's own names by default. */
  readonly hosts?: readonly string[];
  readonly default?: boolean;
}

/**
 * A store over the entries. A name is looked for as it is, then with its first label as `*`, which
 * stands for exactly one label (RFC 9525, section 6.3), then the default is given: the first entry
 * marked so, else the first. Of several entries for one name the client gets one that is in force and
 * that it can verify; of those alike the earlier wins. What covers all names of the default may stand for it, and
 * any other for one that a CA has yet to give.
 *
 * @throws {RangeError} where there is no entry
 */
export function createCertificateStore(entries: readonly CertificateEntry[]): CertificateStore {
  const [first] = entries;
  if (first === undefined) throw new RangeError("A certificate store needs a certificate");
  const byDefault = entries.find((entry) => entry.default === true) ?? first;
  const { exact: defaults } = issued({
    exact: defaultCandidates(byDefault, entries),
    wildcard: [],
  });
  const byName = indexByName(entries);
  // most often there is nothing to leave out, and each handshake asks
  const areIssued = entries.every(({ certificate }) => isIssued(certificate));

  return {
    default: byDefault.certificate,
    all: [...new Set(entries.map(({ certificate }) => certificate))],
    select(name, hello) {
      const found = find(name);
      const { exact, wildcard } = areIssued ? found : issued(found);
      const best = inForce({ exact, wildcard });
      // What the client cannot verify is given only where there is nothing else for the name.
      return choose(best.exact, "exact", hello) ??
        choose(best.wildcard, "wildcard", hello) ??
        choose(exact, "exact", hello) ??
        choose(wildcard, "wildcard", hello) ??
        choose(exact, "exact") ??
        choose(wildcard, "wildcard") ??
        choose(inForce({ exact: defaults, wildcard: [] }).exact, "default", hello) ??
        choose(defaults, "default", hello) ??
        { certificate: byDefault.certificate, match: "default" };
    },
    covers(name) {
      const { exact, wildcard } = find(name);
      return [...new Set([...exact, ...wildcard])];
    },
  };

  function find(name: string | undefined): Found {
    const host = name === undefined ? undefined : normalizeHostPattern(name);
    if (host === undefined) return { exact: [], wildcard: [] };
    return {
      exact: byName.get(host) ?? [],
      wildcard: byName.get(parentWildcard(host) ?? "") ?? [],
    };
  }
}

/** A store whose content can be replaced whole, for those that keep a store for long. */
export interface LiveCertificateStore extends CertificateStore {
  /** From the next call on, the other store answers. */
  replace(next: CertificateStore): void;
}

/** A store that answers as `initial` does until that is replaced. */
export function liveCertificateStore(initial: CertificateStore): LiveCertificateStore {
  let current = initial;
  return {
    get default() {
      return current.default;
    },
    get all() {
      return current.all;
    },
    select: (name, hello) => current.select(name, hello),
    covers: (name) => current.covers(name),
    replace: (next) => void (current = next),
  };
}

/**
 * Whether a certificate, or whatever else is for these names, covers a host name or IP address
 * (RFC 9525, section 6): by the name itself, or by the wildcard above it. A wildcard is covered by
 * itself alone.
 */
export function certificateCovers(
  subject: Pick<Certificate, "names"> | readonly string[],
  name: string,
): boolean {
  const host = normalizeHostPattern(name);
  if (host === undefined) return false;
  const names = normalized("names" in subject ? subject.names : subject);
  return names.has(host) || names.has(parentWildcard(host) ?? "");
}

type Candidates = readonly Certificate[];

/** What there is for a name. */
interface Found {
  readonly exact: Candidates;
  readonly wildcard: Candidates;
}

/** Those that stand for what a CA has yet to give are left out where there is any other. */
function issued(found: Found): Found {
  const exact = found.exact.filter(isIssued);
  const wildcard = found.wildcard.filter(isIssued);
  return exact.length + wildcard.length > 0 ? { exact, wildcard } : found;
}

/** Those that have expired, or are for later, are left out where there is any other. */
function inForce(found: Found): Found {
  // most often there is nothing to choose from
  if (found.exact.length + found.wildcard.length < 2) return found;
  const now = new Date();
  const isInForce = (certificate: Certificate) => validityAt(certificate, now) === "valid";
  const [exact, wildcard] = [found.exact.filter(isInForce), found.wildcard.filter(isInForce)];
  return exact.length + wildcard.length > 0 ? { exact, wildcard } : found;
}

function isIssued({ placeholder }: Certificate): boolean {
  return placeholder !== true;
}

function choose(
  candidates: Candidates,
  match: Selection["match"],
  hello?: ClientAbilities,
): Selection | undefined {
  const able = hello === undefined
    ? candidates
    : candidates.filter((candidate) => canVerify(hello, candidate));
  const light = hello === undefined ? undefined : able.find(({ keyType }) => keyType !== "RSA");
  const certificate = light ?? able[0];
  return certificate && { certificate, match };
}

function indexByName(entries: readonly CertificateEntry[]): ReadonlyMap<string, Candidates> {
  const byName = new Map<string, Certificate[]>();
  for (const entry of entries) {
    for (const name of normalized(hostsOf(entry))) {
      const candidates = byName.get(name);
      if (candidates === undefined) byName.set(name, [entry.certificate]);
      else candidates.push(entry.certificate);
    }
  }
  return byName;
}

/** The default with those that can stand for it, such as an RSA one beside an ECDSA one. */
function defaultCandidates(
  byDefault: CertificateEntry,
  entries: readonly CertificateEntry[],
): Candidates {
  const wanted = hostsOf(byDefault);
  const others = entries.filter((entry) =>
    wanted.length > 0 && wanted.every((name) => certificateCovers(hostsOf(entry), name))
  );
  return [...new Set([byDefault, ...others].map(({ certificate }) => certificate))];
}

function hostsOf({ certificate, hosts = certificate.names }: CertificateEntry): readonly string[] {
  return hosts;
}

/** Kept, as a request may ask for them, and there can be a hundred. */
const kept = new WeakMap<readonly string[], ReadonlySet<string>>();

/** The names in the form in which they are compared, without those that no host can have. */
function normalized(names: readonly string[]): ReadonlySet<string> {
  let set = kept.get(names);
  if (set === undefined) {
    set = new Set(names.map(normalizeHostPattern).filter((name) => name !== undefined));
    kept.set(names, set);
  }
  return set;
}
