import { dirname, normalize } from "node:path/posix";
import { filesOf } from "../config/files.ts";
import { isWithin, type KeyPath } from "../config/key_path.ts";
import type { ParsedFile } from "../config/parse.ts";
import { type Objection, type Problem, sortProblems, type SourceFile } from "../config/problem.ts";
import type { Config } from "../config/config.ts";
import { verifyConfig } from "../config/verify.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { type FileStamps, isSameStamp, stampsBeforeReading } from "../io/file_stamp.ts";
import { readTextFile } from "../io/text_file.ts";
import {
  type Certificate,
  daysUntilExpiry,
  loadCertificate,
  validityAt,
  warningDays,
} from "../certificates/certificate.ts";
import { keyToBlame } from "../certificates/pem.ts";
import { certificateCovers } from "../certificates/certificate_store.ts";
import { orStandIn } from "./stand_in_certificate.ts";
import { contentFiles, type Contents, readContent } from "./content_files.ts";
import { EngineTrials } from "./engine_trial.ts";
import { runConfigTests } from "./config_tests.ts";
import { serviceFiles } from "./service_files.ts";
import { isUnconditional } from "../http/conditions.ts";
import { engineOf, tlsPolicyOf } from "./listener_engine.ts";
import { certificateStore, type LoadedConfig, routerOf } from "./snapshot.ts";
import { policyRefusal } from "../tls/openssl/policy_refusal.ts";
import { versionsOf } from "../tls/policy.ts";
import { refusedTrust, type Trust, trustParts, type TrustRead, trustWarnings } from "./trust.ts";

/** What reading a configuration file came to. */
export interface LoadedFile {
  readonly source: SourceFile;
  /** Errors first. */
  readonly problems: readonly Problem[];
  /** Undefined where there are errors. */
  readonly loaded: LoadedConfig | undefined;
}

/** Reads one certificate of a configuration. */
export type CertificateReader = (
  certificate: Config["certificates"][number],
) => Promise<Certificate>;

export interface LoadOptions {
  /** For deciding what has expired. */
  readonly now: Date;
  /**
   * Whether an expired certificate is an error, as for a check before a roll-out, or a warning: a
   * running proxy must not refuse nineteen names for the sake of a twentieth.
   */
  readonly expiredIsError: boolean;
  /** Whether it is looked if the log can be opened: who opens it finds out by that. */
  readonly looksForLog?: boolean;
  readonly readCertificate?: CertificateReader;
  /** Of what was loaded before. */
  readonly trials?: EngineTrials;
  /** Whatever else stands against the configuration, asked before any file that it names is read. */
  readonly objections?: (config: Config) => readonly Objection[];
}

/**
 * Reads a configuration file and everything it names: form, references, certificates, tests. All
 * that is wrong is found at once.
 *
 * @throws {ProxyError} `bad_config` where the file itself cannot be read
 */
export async function loadConfigFile(path: string, options: LoadOptions): Promise<LoadedFile> {
  const own = await stampsBeforeReading([path]);
  const { source, file, problems } = await parseConfigFile(path);
  const { draft, config } = file;
  if (draft === undefined) return { source, problems: sortProblems(problems), loaded: undefined };
  if (config !== undefined) {
    problems.push(...unsuitableEngines(config, file), ...logOverInput(config, path, file));
    if (options.looksForLog === true) problems.push(...await shutLog(config, file));
    // asked before any file that the configuration names is read
    const objections = hasErrors(problems) ? [] : options.objections?.(config) ?? [];
    if (objections.length > 0) {
      problems.push(...problemsOf(objections, { severity: "error", file }));
      return { source, problems: sortProblems(problems), loaded: undefined };
    }
  }
  const stamps = new Map([...own, ...await stampsBeforeReading(filesOf(draft))]);
  const certificates = await readCertificates(file, options);
  const trust = await readTrust(file, options);
  const contents = await readContentFiles(file);
  for (const read of [certificates, trust, contents]) problems.push(...read.problems);
  problems.push(...await unreadableServiceFiles(file));
  const complete = certificates.read.length === draft.certificates.length;
  if (config === undefined || !complete || hasErrors(problems)) {
    return { source, problems: sortProblems(problems), loaded: undefined };
  }
  const loaded: LoadedConfig = {
    config,
    certificates: certificates.read,
    trust: trust.read,
    contents: contents.read,
    stamps,
  };
  problems.push(
    ...await refusedCertificates(loaded, { file, trials: options.trials ?? new EngineTrials() }),
    ...problemsOf(refusedTrust(loaded), { severity: "error", file }),
    ...problemsOf(trustWarnings(loaded), { severity: "warning", file }),
    ...idleCertificates(loaded, file, options.now),
    ...uncoveredNames(loaded, file),
    ...shadowedRoutes(loaded, file),
    ...failedTests(loaded, file),
  );
  return {
    source,
    problems: sortProblems(problems),
    loaded: hasErrors(problems) ? undefined : loaded,
  };
}

/** What stands in the way at a key, by its place in the file. */
function problemsOf(
  objections: readonly Objection[],
  { severity, file }: { severity: Problem["severity"]; file: ParsedFile },
): Problem[] {
  return objections.map(({ at, message }) => ({ severity, place: file.locate(at), message }));
}

/** A configuration file by itself, before anything that it names is looked at. */
export interface ParsedConfigFile {
  readonly source: SourceFile;
  readonly file: ParsedFile;
  readonly problems: Problem[];
}

/**
 * Reads a configuration file and opens none of those it names.
 *
 * @throws {ProxyError} `bad_config` where it cannot be read
 */
export async function parseConfigFile(path: string): Promise<ParsedConfigFile> {
  const source = { path, text: await readSource(path) };
  // with flags alone nobody needs the YAML library, which takes a tenth of the start
  const { parseConfig } = await import("../config/parse.ts");
  const file = parseConfig(source);
  const found = file.draft === undefined ? [] : verifyConfig(file.draft, file);
  return { source, file, problems: [...file.problems, ...found] };
}

/** How the files of a configuration are read. */
export interface FilesOptions {
  readonly read?: CertificateReader;
  /** Of what was loaded before. */
  readonly trials?: EngineTrials;
  /**
   * What was loaded before: certificates whose files stand as they did are taken from it, and so is
   * what cannot be read now, as others must not wait for that.
   */
  readonly known?: LoadedConfig | undefined;
  /** Called with what is wrong where something that cannot be read goes on as it was. */
  readonly onUnread?: (problem: string) => void;
}

/**
 * The files that a configuration names: all or none, or with those before in the place of some.
 *
 * @throws {ProxyError} `bad_config`
 */
export async function loadFiles(
  config: Config,
  { read = readOne, trials = new EngineTrials(), known, onUnread }: FilesOptions = {},
): Promise<LoadedConfig> {
  const stamps = await stampsBeforeReading(filesOf(config));
  /** What is there instead of what has failed. */
  const instead = <T>(error: unknown, before: T | undefined): T => {
    if (before === undefined || !(error instanceof ProxyError)) throw error;
    onUnread?.(error.message);
    return before;
  };
  const orBefore = <T>(reading: Promise<T>, before: T | undefined): Promise<T> =>
    reading.catch((error) => instead(error, before));
  const certificates = await Promise.all(
    config.certificates.map((entry, index) =>
      known && knownCertificate(entry, known, stamps) ||
      orBefore(read(entry), known?.certificates[index])
    ),
  );
  for (const { index, message } of await trials.refusals(config, certificates)) {
    const refusal = new ProxyError("bad_config", message);
    certificates[index] = instead(refusal, known?.certificates[index]);
  }
  // each is read over what it was before
  const trust: TrustRead = {
    texts: new Map(known?.trust.texts),
    shown: new Map(known?.trust.shown),
  };
  for (const part of trustParts(config, read)) {
    await part.read(trust).catch((error) => void instead(error, known));
  }
  const [distrust] = refusedTrust({ config, trust });
  if (distrust !== undefined) throw new ProxyError("bad_config", distrust.message);
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const file of contentFiles(config)) {
    contents.set(file.path, await orBefore(readContent(file), known?.contents.get(file.path)));
  }
  return { config, certificates, trust, contents, stamps };
}

const readOne: CertificateReader = orStandIn(loadCertificate);

/** To read one takes milliseconds, and there may be two thousand of which one has changed. */
function knownCertificate(
  entry: Config["certificates"][number],
  known: LoadedConfig,
  stamps: FileStamps,
): Certificate | undefined {
  const index = known.config.certificates.indexOf(entry);
  const { cert, key, passphraseFile } = entry;
  const stand = [cert, key, passphraseFile].every((path) => {
    if (path === undefined) return true;
    const [before, now] = [known.stamps.get(path), stamps.get(path)];
    return before !== undefined && now !== undefined && isSameStamp(before, now);
  });
  const certificate = stand ? known.certificates[index] : undefined;
  return certificate?.placeholder === true ? undefined : certificate;
}

function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === "error");
}

async function readSource(path: string): Promise<string> {
  try {
    return await readTextFile(path, { strict: true });
  } catch (error) {
    const message = `Cannot read the configuration ${path}: it ${messageOf(error)}${
      seenFrom(path)
    }`;
    throw new ProxyError("bad_config", message, { cause: error });
  }
}

/** Where a relative path was looked for: `deno task` changes to the folder of the project. */
function seenFrom(path: string): string {
  if (path.startsWith("/")) return "";
  try {
    return ` (seen from ${Deno.cwd()})`;
  } catch {
    // it is gone, or may not be asked for
    return "";
  }
}

/** What says where a certificate is. */
const CERTIFICATE_KEYS = ["cert", "key", "passphrase_file", "acme"];

/** What could be read of other files, and what is wrong with them. */
interface Read<T> {
  readonly read: T;
  readonly problems: readonly Problem[];
}

async function readCertificates(
  { draft, locate, broken }: ParsedFile,
  { now, expiredIsError, readCertificate = readOne }: LoadOptions,
): Promise<Read<readonly Certificate[]>> {
  const read: Certificate[] = [];
  const problems: Problem[] = [];
  for (const [index, entry] of (draft?.certificates ?? []).entries()) {
    // then these are not what the file means
    const said = CERTIFICATE_KEYS.map((key) => ["certificates", index, key]);
    if (said.some((at) => broken.some((path) => isWithin(at, path)))) continue;
    const place = locate(["certificates", index, "cert"]);
    try {
      const certificate = await readCertificate(entry);
      read.push(certificate);
      if (certificate.placeholder === true) continue;
      problems.push(...validityProblems(certificate, { now, expiredIsError, place }));
      if (certificate.mustStaple === true) {
        const message =
          `${certificate.label} asks for a stapled OCSP answer (must-staple), which is not given: ` +
          "clients that heed it, such as Firefox, will refuse it";
        problems.push({ severity: "warning", place, message });
      }
      for (const [at, host] of (entry.hosts ?? []).entries()) {
        if (certificateCovers(certificate, host)) continue;
        problems.push({
          severity: "warning",
          place: locate(["certificates", index, "hosts", at]),
          message: `${entry.cert} does not cover ${host}: clients will refuse it`,
        });
      }
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      problems.push({
        severity: "error",
        place: locate(["certificates", index, keyToBlame(error)]),
        message: error.message,
      });
    }
  }
  return { read, problems };
}

/** Whom to trust. */
async function readTrust(
  file: ParsedFile,
  { now, expiredIsError, readCertificate = loadCertificate }: LoadOptions,
): Promise<Read<Trust>> {
  const { draft, locate } = file;
  const read: TrustRead = { texts: new Map(), shown: new Map() };
  const parts = draft === undefined ? [] : trustParts(draft, readCertificate);
  const problems = await readParts(parts, file, (part) => part.read(read));
  for (const [name, certificate] of read.shown) {
    const place = locate(["backends", name, "tls", "cert"]);
    problems.push(...validityProblems(certificate, { now, expiredIsError, place }));
  }
  return { read, problems };
}

/** Files of answers, pages and passwords. */
async function readContentFiles(file: ParsedFile): Promise<Read<Contents>> {
  const read = new Map<string, Uint8Array<ArrayBuffer>>();
  const files = file.draft === undefined ? [] : contentFiles(file.draft);
  const problems = await readParts(files, file, async (one) => {
    read.set(one.path, await readContent(one));
  });
  return { read, problems };
}

/** Files that a service could not use once it begins to work. */
async function unreadableServiceFiles(file: ParsedFile): Promise<Problem[]> {
  const files = file.draft === undefined ? [] : serviceFiles(file.draft);
  return await readParts(files, file, ({ read }) => read());
}

/** A part of a configuration that stands in other files. */
interface ReadablePart {
  readonly at: KeyPath;
  /** Which key is to be blamed, where it is another. */
  readonly blames?: ((error: ProxyError) => KeyPath) | undefined;
}

/** Reads parts, but for those that are not what the file means. @returns what is wrong with them */
async function readParts<Part extends ReadablePart>(
  parts: readonly Part[],
  { locate, broken }: ParsedFile,
  read: (part: Part) => Promise<unknown>,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const isBroken = (at: KeyPath) => broken.some((path) => isWithin(at, path));
  for (const part of parts) {
    if (isBroken(part.at)) continue;
    try {
      await read(part);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      const at = part.blames?.(error) ?? part.at;
      if (isBroken(at)) continue;
      problems.push({ severity: "error", place: locate(at), message: error.message });
    }
  }
  return problems;
}

/** What is to be said of a certificate's dates. */
function validityProblems(
  certificate: Certificate,
  { now, expiredIsError, place }: {
    now: Date;
    expiredIsError: boolean;
    place: Problem["place"];
  },
): Problem[] {
  const { label, notAfter, notBefore } = certificate;
  const validity = validityAt(certificate, now);
  if (validity !== "valid") {
    const message = validity === "expired"
      ? `${label} expired on ${day(notAfter)}`
      : `${label} is not valid before ${day(notBefore)}`;
    return [{ severity: expiredIsError ? "error" : "warning", place, message }];
  }
  return daysUntilExpiry(certificate, now) >= Math.min(SOON_DAYS, warningDays(certificate))
    ? []
    : [{ severity: "warning", place, message: `${label} expires on ${day(notAfter)}` }];
}

const SOON_DAYS = 14;

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** A log that would be written over what is read. */
function logOverInput(config: Config, path: string, { locate }: ParsedFile): Problem[] {
  const log = config.log.file;
  if (log === undefined) return [];
  const inputs = [path, ...filesOf(config), ...serviceFiles(config).map(({ path }) => path)];
  const read = inputs.find((input) => normalize(input) === normalize(log));
  if (read === undefined) return [];
  const message = `the log would be written into ${read}, which is read`;
  return [{ severity: "error", place: locate(["log", "file"]), message }];
}

/**
 * A log that could not be opened, as far as that shows; a warning, as who starts the proxy may make
 * its folder first.
 */
async function shutLog({ log: { file } }: Config, { locate }: ParsedFile): Promise<Problem[]> {
  if (file === undefined) return [];
  const folder = dirname(file);
  const isFolder = await whetherFolder(file);
  const message = isFolder === true
    ? `${file} is a folder: the log cannot be opened`
    : isFolder === undefined && await whetherFolder(folder) === undefined
    ? `the folder ${folder} does not exist: the log cannot be opened without it`
    : undefined;
  return message === undefined
    ? []
    : [{ severity: "warning", place: locate(["log", "file"]), message }];
}

/** @returns undefined where there is nothing */
async function whetherFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? undefined : false;
  }
}

/** Engines that cannot do what their listeners ask of them. */
function unsuitableEngines(config: Config, { locate }: ParsedFile): Problem[] {
  return config.listeners.flatMap((listener, index): Problem[] => {
    if (listener.kind !== "tls") return [];
    try {
      const { engine } = engineOf(listener, config);
      const policy = tlsPolicyOf(listener);
      // where no version or no group is left that has been told already
      const isLeft = versionsOf(policy).length > 0 && policy.groups?.length !== 0;
      const isAsked = engine === "openssl" && isLeft;
      const why = isAsked ? policyRefusal(policy) : undefined;
      if (why === undefined) return [];
      const place = locate(["listeners", index, "tls"]);
      return [{ severity: "error", place, message: `the openssl engine cannot do this: ${why}` }];
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      const place = locate(["listeners", index, "engine"]);
      return [{ severity: "error", place, message: error.message }];
    }
  });
}

/** Certificates that can be read, and that an engine does not serve. */
async function refusedCertificates(
  { config, certificates }: LoadedConfig,
  { file, trials }: { file: ParsedFile; trials: EngineTrials },
): Promise<Problem[]> {
  const refusals = await trials.refusals(config, certificates);
  return refusals.map(({ index, message }) => ({
    severity: "error",
    place: file.locate(["certificates", index, "cert"]),
    message,
  }));
}

/** Certificates that stand behind one which every client gets that could have them. */
function idleCertificates(
  { config, certificates }: LoadedConfig,
  { locate }: ParsedFile,
  now: Date,
): Problem[] {
  const given = certificates.map((certificate, index) => {
    const entry = config.certificates[index];
    return { certificate, hosts: entry?.hosts ?? certificate.names, isDefault: entry?.default };
  });
  return given.flatMap(({ certificate, hosts, isDefault }, index): Problem[] => {
    if (isDefault === true || certificate.placeholder === true) return [];
    const before = given.slice(0, index).find((other) =>
      other.certificate.placeholder !== true && isAlike(other.certificate, certificate) &&
      validityAt(other.certificate, now) === "valid" &&
      hosts.every((host) => other.hosts.includes(host))
    );
    if (before === undefined) return [];
    const message = `${certificate.label} is never given while ${before.certificate.label}, ` +
      "which stands before it for its names, is in force";
    return [{ severity: "warning", place: locate(["certificates", index, "cert"]), message }];
  });
}

/** Whether whoever can verify the one can verify the other. */
function isAlike(one: Certificate, other: Certificate): boolean {
  return one.keyType === other.keyType && one.curve === other.curve;
}

/** Routed names that no client could reach without a warning. */
function uncoveredNames(loaded: LoadedConfig, { locate }: ParsedFile): Problem[] {
  const { listeners, routes } = loaded.config;
  if (!listeners.some(({ kind }) => kind === "tls")) return [];
  const store = certificateStore(loaded);
  return routes.flatMap(({ hosts, passthrough }, index) =>
    passthrough
      ? []
      : hosts.flatMap((host, at): Problem[] =>
        store.select(host).match !== "default" || certificateCovers(store.default, host) ? [] : [{
          severity: "warning",
          place: locate(["routes", index, "hosts", at]),
          message: `no certificate covers ${host}`,
        }]
      )
  );
}

/** Routes that can never match; those behind one for everything are told of already. */
function shadowedRoutes({ config }: LoadedConfig, { locate }: ParsedFile): Problem[] {
  const router = routerOf(config);
  const end = config.routes.findIndex(({ hosts, paths, conditions }) =>
    hosts.length === 0 && paths.length === 0 && isUnconditional(conditions)
  );
  const reached = end < 0 ? config.routes : config.routes.slice(0, end);
  return reached.flatMap((_, index): Problem[] => {
    const shadow = router.shadowOf(index);
    if (shadow === undefined) return [];
    const message = `this route never matches: route ${shadow + 1} takes all of it before`;
    return [{ severity: "warning", place: locate(["routes", index]), message }];
  });
}

function failedTests(loaded: LoadedConfig, { locate }: ParsedFile): Problem[] {
  return runConfigTests(loaded).map(({ path, message }) => ({
    severity: "error",
    place: locate(path),
    message: `test failed: ${message}`,
  }));
}
