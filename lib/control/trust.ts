import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { KeyPath } from "../config/key_path.ts";
import type { Objection } from "../config/problem.ts";
import type { ProxyError } from "../core/errors.ts";
import { cannotRead, keyToBlame } from "../certificates/pem.ts";
import type { Certificate } from "../certificates/certificate.ts";
import {
  type AuthoritiesText,
  readAuthorities,
  readRevocations,
  type TrustText,
} from "../certificates/trust_files.ts";
import type { CertificateReader } from "./certificate_reader.ts";
import { ClientAuthRules } from "../tls/client_auth.ts";
import type { ServerTls } from "../tls/server_trust.ts";
import { crlRefusal, isCrlOutdated, serverTlsRefusal, shownRefusal } from "../tls/trust_trial.ts";

/** What the files hold that say whom to trust, and what servers are shown. */
export interface Trust {
  /** By the path of the file, which may be that of a revocation list, too. */
  readonly authorities: ReadonlyMap<string, AuthoritiesText>;
  /** What authorities have revoked, by the path of the file. */
  readonly revocations: ReadonlyMap<string, TrustText>;
  /** What is shown to servers that ask for a certificate, by the name of their backend. */
  readonly shown: ReadonlyMap<string, Certificate>;
}

/** A configuration with what it says of whom to trust. */
export interface LoadedTrust {
  readonly config: Config;
  readonly trust: Trust;
}

/** What an entry of `certificates` says beside its files, where there is none. */
const NO_ENTRY = { acme: undefined, hosts: undefined, default: false };

/** One file, or pair of files, to be read. */
export interface TrustPart {
  /** Where the configuration names it. */
  readonly at: KeyPath;
  /** Where it names the one file of several that an error is about. */
  readonly blames?: (error: ProxyError) => KeyPath;
  /** Reads it, and adds it to what was read. @throws {ProxyError} `bad_config` */
  readonly read: (into: TrustRead) => Promise<void>;
}

/** What was read so far. */
export interface TrustRead {
  readonly authorities: Map<string, AuthoritiesText>;
  readonly revocations: Map<string, TrustText>;
  readonly shown: Map<string, Certificate>;
}

/** To be read into, over what was read before. */
export function trustRead(before?: Trust): TrustRead {
  return {
    authorities: new Map(before?.authorities),
    revocations: new Map(before?.revocations),
    shown: new Map(before?.shown),
  };
}

/** All that a configuration names of this kind. */
export function trustParts(config: Config, readPair: CertificateReader): readonly TrustPart[] {
  const authorities = (path: string | undefined, at: KeyPath): TrustPart[] =>
    path === undefined ? [] : [{
      at,
      read: async ({ authorities }) => void authorities.set(path, await readAuthorities(path)),
    }];
  const revocations = (path: string | undefined, at: KeyPath): TrustPart[] =>
    path === undefined ? [] : [{
      at,
      read: async ({ revocations }) => void revocations.set(path, await readSoundRevocations(path)),
    }];
  return [
    ...config.clientAuth.flatMap(({ ca, crl }, index) => [
      ...authorities(ca, ["client_auth", index, "ca"]),
      ...revocations(crl, ["client_auth", index, "crl"]),
    ]),
    ...[...config.backends].flatMap(([name, { tls }]) => {
      const at = ["backends", name, "tls"];
      const { cert, key, passphraseFile } = tls ?? {};
      return [
        ...authorities(tls?.ca, [...at, "ca"]),
        ...(cert === undefined || key === undefined ? [] : [{
          at: [...at, "cert"],
          blames: (error: ProxyError) => [...at, keyToBlame(error)],
          read: async ({ shown }: TrustRead) => {
            const pair = await readPair({ ...NO_ENTRY, cert, key, passphraseFile });
            const why = shownRefusal(pair);
            if (why !== undefined) {
              throw cannotRead("certificate", `OpenSSL does not take ${pair.label}: ${why}`);
            }
            shown.set(name, pair);
          },
        }]),
      ];
    }),
  ];
}

/** @throws {ProxyError} `bad_config` also where OpenSSL would not take a list of them */
async function readSoundRevocations(path: string): Promise<TrustText> {
  const text = await readRevocations(path);
  const why = crlRefusal(text.pem);
  if (why !== undefined) throw cannotRead("CRL", `${path}: ${why}`);
  return text;
}

/** How the servers of a backend are spoken to; undefined for plain text. */
export function serverTls(
  name: string,
  { config, trust }: LoadedTrust,
): ServerTls | undefined {
  const tls = config.backends.get(name)?.tls;
  if (tls === undefined) return undefined;
  const ca = tls.ca === undefined ? undefined : trust.authorities.get(tls.ca);
  const shown = trust.shown.get(name);
  const facts = [ca?.digest, shown?.digest, tls.name, tls.verify];
  return {
    ca: ca?.pem,
    name: tls.name,
    shown: shown && { certPem: shown.certPem, keyPem: shown.keyPem },
    verify: tls.verify,
    digest: createHash("sha256").update(JSON.stringify(facts)).digest("hex"),
  };
}

/** What clients have to prove, by name. */
export function clientAuthRules(
  { config, trust }: LoadedTrust,
): ClientAuthRules {
  return new ClientAuthRules(config.clientAuth.map((entry) => {
    const { hosts, mode, ca, crl } = entry;
    return {
      hosts,
      mode,
      ca: trust.authorities.get(ca)?.pem ?? "",
      crl: crl === undefined ? undefined : trust.revocations.get(crl)?.pem,
      id: JSON.stringify(entry),
    };
  }));
}

/** What will surprise whoever goes on with it. */
export function trustWarnings(loaded: LoadedTrust): readonly Objection[] {
  return [...outdatedLists(loaded), ...rootless(loaded), ...expiredAuthorities(loaded)];
}

function outdatedLists({ config, trust }: LoadedTrust): Objection[] {
  return config.clientAuth.flatMap(({ crl }, index) => {
    const text = crl === undefined ? undefined : trust.revocations.get(crl);
    if (text === undefined || !isCrlOutdated(text.pem)) return [];
    const message =
      `${crl} is out of date: clients of its CA are refused until there is a newer one`;
    return [{ at: ["client_auth", index, "crl"], message }];
  });
}

/** Where there is a revocation list, a chain has to end at an authority that is its own issuer. */
function rootless({ config, trust }: LoadedTrust): Objection[] {
  return config.clientAuth.flatMap(({ ca, crl }, index) => {
    const { authorities = [] } = crl === undefined ? {} : trust.authorities.get(ca) ?? {};
    const subjects = new Set(authorities.map(({ subject }) => subject));
    const below = authorities.find(({ issuer }) => !subjects.has(issuer));
    if (below === undefined) return [];
    const [name, issuer] = [below.subject, below.issuer].map((lines) =>
      lines.split("\n").join(", ")
    );
    const message = `beside a crl ${ca} has to hold ${issuer} too, the issuer of ${name}: ` +
      "until then its clients are refused";
    return [{ at: ["client_auth", index, "ca"], message }];
  });
}

function expiredAuthorities({ config, trust }: LoadedTrust): Objection[] {
  const now = new Date();
  const expired = (ca: string | undefined, who: string, at: KeyPath): Objection[] => {
    const text = ca === undefined ? undefined : trust.authorities.get(ca);
    if (text === undefined || text.authorities.some(({ notAfter }) => notAfter >= now)) return [];
    return [{ at, message: `every authority in ${ca} has expired: all ${who} are refused` }];
  };
  return [
    ...config.clientAuth.flatMap(({ ca }, index) =>
      expired(ca, "certificates of clients", ["client_auth", index, "ca"])
    ),
    ...[...config.backends].flatMap(([name, { tls }]) =>
      tls?.verify === true ? expired(tls.ca, "its servers", ["backends", name, "tls", "ca"]) : []
    ),
  ];
}

/**
 * What stands against using what was read, by trying it: it would otherwise show to the first
 * client, or with the first request.
 */
export function refusedTrust(loaded: LoadedTrust): readonly Objection[] {
  return [...loaded.config.backends.keys()].flatMap((name) => {
    const tls = serverTls(name, loaded);
    const why = tls === undefined ? undefined : serverTlsRefusal(tls);
    return why === undefined ? [] : [{ at: ["backends", name, "tls"], message: why }];
  });
}
