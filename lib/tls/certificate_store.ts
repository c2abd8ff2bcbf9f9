import type { Certificate } from "./certificate.ts";

/** The certificates of a listener, selected by the name a client asks for. */
export interface CertificateStore {
  /** Given where no other covers the name, and where no name is sent. */
  readonly default: Certificate;
  /** Every certificate, in the order of the config. */
  readonly all: readonly Certificate[];
  select(name: string | undefined): Selection;
}

/** A certificate, and by what it was found. */
export interface Selection {
  readonly certificate: Certificate;
  readonly match: "exact" | "wildcard" | "default";
}

/** A certificate and the names it is to be given for. */
export interface CertificateEntry {
  readonly certificate: Certificate;
  /** Host names, or `*.` and a host name; the certificate's own names by default. */
  readonly hosts?: readonly string[];
  readonly default?: boolean;
}

/**
 * A store over the entries. A name is looked for as it is, then with its first label as `*`, which
 * stands for exactly one label (RFC 9525, section 6.3), then the default is given: the first entry
 * marked so, else the first. Of two entries for one name the earlier wins.
 *
 * @throws {RangeError} where there is no entry
 */
export function createCertificateStore(entries: readonly CertificateEntry[]): CertificateStore {
  const [first] = entries;
  if (first === undefined) throw new RangeError("A certificate store needs a certificate");
  const fallback = entries.find((entry) => entry.default === true) ?? first;
  const byName = indexByName(entries);

  return {
    default: fallback.certificate,
    all: [...new Set(entries.map(({ certificate }) => certificate))],
    select(name) {
      const folded = foldName(name ?? "");
      const exact = byName.get(folded);
      if (exact !== undefined) return { certificate: exact, match: "exact" };
      const wildcard = byName.get(wildcardOf(folded));
      if (wildcard !== undefined) return { certificate: wildcard, match: "wildcard" };
      return { certificate: fallback.certificate, match: "default" };
    },
  };
}

function indexByName(entries: readonly CertificateEntry[]): Map<string, Certificate> {
  const byName = new Map<string, Certificate>();
  for (const { certificate, hosts = certificate.names } of entries) {
    for (const host of hosts) {
      const name = foldName(host);
      if (!byName.has(name)) byName.set(name, certificate);
    }
  }
  return byName;
}

/** Host names are compared without regard to case (RFC 4343), and the root's dot says nothing. */
function foldName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** `*.example.com` for `api.example.com`; a name that no host may have where there is none. */
function wildcardOf(name: string): string {
  const dot = name.indexOf(".");
  return dot > 0 ? `*${name.slice(dot)}` : "";
}
