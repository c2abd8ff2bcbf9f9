import { X509Certificate } from "node:crypto";
import { ProxyError } from "../core/errors.ts";
import { normalizeHostPattern } from "../core/host_name.ts";
import { fileTrouble, isUnreadable } from "../io/file_trouble.ts";
import { type Certificate, type CertificatePaths, loadCertificate } from "./certificate.ts";
import type { IssuedPem, KeyKind } from "./certificate_authority.ts";

/** The development CA and the certificate that it has signed, as paths under the given folder. */
export interface DevelopmentFiles {
  /** What a client is to trust: `curl --cacert`. */
  readonly ca: string;
  /** The server's chain: its certificate, then the CA's. */
  readonly cert: string;
  readonly key: string;
  /** Whether the certificate was made now, rather than found. */
  readonly created: boolean;
}

/** Names that a development certificate is for unless told otherwise. */
export const DEVELOPMENT_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/**
 * Sees to a certificate for development in `folder`. One that is there is kept while it is good for
 * another day, belongs to its key and CA, and covers `hosts`; else it is made anew with the CA that
 * is there, or with a new one. Files are written whole or not at all, readable by their owner only;
 * of several processes that call this at once, one writes and the others find what it wrote.
 *
 * @param hosts host names, `*.` and a host name, or IP addresses
 * @throws {ProxyError} `bad_config` where a host is none, or the folder cannot be read or written
 */
export function ensureDevelopmentCertificate(
  folder: string,
  hosts: readonly string[] = DEVELOPMENT_HOSTS,
): Promise<DevelopmentFiles> {
  return ensureCertificate(folder, { kind: "server", hosts });
}

/** A certificate for development. */
export type DevelopmentRequest = (ServerRequest | ClientRequest) & {
  /** ECDSA unless told otherwise. */
  readonly keyKind?: KeyKind;
  /** How long it is to be valid, from 1 on; as long as browsers take it unless told otherwise. */
  readonly days?: number;
};

/** A certificate for servers under these names. */
export interface ServerRequest {
  readonly kind: "server";
  /** Host names, `*.` and a host name, or IP addresses. */
  readonly hosts: readonly string[];
}

/** A certificate that a client shows to prove who it is. */
export interface ClientRequest {
  readonly kind: "client";
  /** Letters, digits and `.`, `_`, `-`, `@`: it is the common name, and part of the file's. */
  readonly name: string;
}

/**
 * The same for any server or client; what is there is kept only if it is valid for as many days as
 * asked for, too. Each kind has files of its own, with the same CA.
 *
 * @throws {ProxyError} `bad_config` where a host or name is none, or the folder cannot be read or
 *   written
 */
export async function ensureCertificate(
  folder: string,
  request: DevelopmentRequest,
): Promise<DevelopmentFiles> {
  const wanted = checkedRequest(request);
  const files = filesIn(folder, wanted);
  const { ca, cert, key } = files;
  try {
    if (await areGood(files, wanted)) return { ca, cert, key, created: false };
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    // A lock on the folder itself leaves no file behind, and ends with the process.
    using lock = await Deno.open(folder);
    await lock.lock(true);
    if (await areGood(files, wanted)) return { ca, cert, key, created: false };
    await makeFiles(files, wanted);
    return { ca, cert, key, created: true };
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    throw new ProxyError(
      "bad_config",
      `Cannot make a development certificate in ${folder}: ${describe(error)}`,
      { cause: error },
    );
  }
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const AUTHORITY_DAYS = 3652;
/** What browsers take of a server: 398 days at most. */
const LEAF_DAYS = 397;

/** The four files; the key of the CA is nobody's business but this file's. */
type Files = Omit<DevelopmentFiles, "created"> & { readonly caKey: string };

function filesIn(folder: string, request: DevelopmentRequest): Files {
  const name = request.kind === "server" ? "localhost" : `client-${request.name}`;
  const leaf = `${folder}/${name}${request.keyKind === "rsa" ? "-rsa" : ""}`;
  return {
    ca: `${folder}/development-ca.crt`,
    caKey: `${folder}/development-ca.key`,
    cert: `${leaf}.crt`,
    key: `${leaf}.key`,
  };
}

async function areGood(files: Files, request: DevelopmentRequest): Promise<boolean> {
  // one for a day would never be good for another
  const ahead = Math.min(DAY, lifetimeOf(request) / 2);
  const leaf = await loadIfGood(files, ahead);
  return leaf !== undefined && isWanted(leaf, request) && await isIssuedBy(leaf, files.ca);
}

async function makeFiles(files: Files, request: DevelopmentRequest): Promise<void> {
  // Loaded here because it takes some 150 ms, which a start that finds its certificate is spared.
  const { createAuthority, issueServerCertificate, issueClientCertificate } = await import(
    "./certificate_authority.ts"
  );
  // An hour back, for clients whose clock is late.
  const notBefore = Date.now() - HOUR;

  const kept = await loadAuthority(files);
  const authority = kept ?? await createAuthority({
    commonName: "tls-proxy development CA",
    notBefore: new Date(notBefore),
    notAfter: new Date(notBefore + AUTHORITY_DAYS * DAY),
  });
  const authorityEnds = new X509Certificate(authority.cert).validToDate.getTime();
  const { keyKind = "ecdsa" } = request;
  const common = {
    notBefore: new Date(notBefore),
    notAfter: new Date(Math.min(notBefore + lifetimeOf(request), authorityEnds)),
    keyKind,
  };
  const issued = request.kind === "client"
    ? await issueClientCertificate(authority, { ...common, commonName: request.name })
    : await issueServerCertificate(authority, {
      ...common,
      commonName: "tls-proxy development certificate",
      hosts: request.hosts,
    });

  // Keys first: a stop in between leaves a key that does not match, which the next call mends.
  if (kept === undefined) {
    await writeWhole(files.caKey, authority.key);
    await writeWhole(files.ca, authority.cert);
  }
  await writeWhole(files.key, issued.key);
  await writeWhole(files.cert, issued.cert + authority.cert);
}

/** The certificate where it and its key can be used now and for some milliseconds more. */
async function loadIfGood(
  paths: CertificatePaths,
  ahead = DAY,
): Promise<Certificate | undefined> {
  try {
    const certificate = await loadCertificate(paths);
    const good = certificate.notBefore.getTime() <= Date.now() &&
      certificate.notAfter.getTime() > Date.now() + ahead;
    return good ? certificate : undefined;
  } catch (error) {
    // what is there and cannot be read is not replaced: clients may trust it
    if (isUnreadable(error)) throw error;
    return undefined;
  }
}

/** The CA that is there, where this file could have made it. */
async function loadAuthority(files: Files): Promise<IssuedPem | undefined> {
  const found = await loadIfGood({ cert: files.ca, key: files.caKey });
  if (found === undefined) return undefined;
  const { ca, publicKey } = new X509Certificate(found.certPem);
  const usable = ca && publicKey.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return usable ? { cert: found.certPem, key: found.keyPem } : undefined;
}

async function isIssuedBy(leaf: Certificate, caPath: string): Promise<boolean> {
  try {
    const ca = new X509Certificate(await Deno.readTextFile(caPath));
    const certificate = new X509Certificate(leaf.certPem);
    return certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
  } catch (error) {
    if (isUnreadable(error)) throw error;
    return false;
  }
}

function isWanted(certificate: Certificate, request: DevelopmentRequest): boolean {
  if (request.days !== undefined) {
    const lifetime = certificate.notAfter.getTime() - certificate.notBefore.getTime();
    if (Math.abs(lifetime - lifetimeOf(request)) > HOUR) return false;
  }
  if (request.kind === "client") return certificate.subject === `CN=${request.name}`;
  const names = new Set(certificate.names);
  return request.hosts.every((host) => names.has(host));
}

/** Milliseconds. */
function lifetimeOf({ days = LEAF_DAYS }: DevelopmentRequest): number {
  return days * DAY;
}

/**
 * A request for what can be made, its hosts as they are compared.
 *
 * @throws {ProxyError} `bad_config` where a host or name is none, or it cannot be for so many days
 */
export function checkedRequest(request: DevelopmentRequest): DevelopmentRequest {
  const { days = LEAF_DAYS } = request;
  if (!Number.isInteger(days) || days < 1 || days > AUTHORITY_DAYS) {
    throw new ProxyError("bad_config", `${days} is no number of days; 1 to ${AUTHORITY_DAYS} are`);
  }
  if (request.kind === "client") {
    if (/^[\w.@-]{1,64}$/.test(request.name)) return request;
    throw new ProxyError("bad_config", `"${request.name}" is not a name for a client certificate`);
  }
  if (request.hosts.length === 0) throw new RangeError("A development certificate needs a host");
  return { ...request, hosts: request.hosts.map(parseHost) };
}

function parseHost(text: string): string {
  const host = normalizeHostPattern(text);
  if (host !== undefined) return host;
  throw new ProxyError("bad_config", `"${text}" is not a host name or an IP address`);
}

/** Writes a file for its owner only, such that it is seen whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text, { createNew: true, mode: 0o600 });
    using file = await Deno.open(temporary, { write: true });
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

function describe(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    return "this process is not granted to read and write it (--allow-read, --allow-write)";
  }
  if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory) {
    return "it is not a folder";
  }
  return fileTrouble(error);
}
