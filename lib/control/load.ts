import { filesOf } from "../config/files.ts";
import { isWithin, type KeyPath } from "../config/key_path.ts";
import type { ParsedFile } from "../config/parse.ts";
import { type Objection, type Problem, sortProblems, type SourceFile } from "../config/problem.ts";
import type { Config } from "../config/config.ts";
import { ProxyError } from "../core/errors.ts";
import { type FileStamps, stampsBeforeReading } from "../io/file_stamp.ts";
import {
  type Certificate,
  daysUntilExpiry,
  loadCertificate,
  validityAt,
  warningDays,
} from "../certificates/certificate.ts";
import { keyToBlame } from "../certificates/pem.ts";
import { certificateCovers } from "../certificates/certificate_store.ts";
import type { CertificateReader } from "./certificate_reader.ts";
import { contentFiles, type Contents, readContent } from "./content_files.ts";
import { EngineTrials } from "./engine_trial.ts";
import { runConfigTests } from "./config_tests.ts";
import { idleParts } from "./idle_parts.ts";
import { readOne } from "./load_files.ts";
import { logOverInput, shutLog } from "./log_objections.ts";
import { parseConfigFile } from "./parse_file.ts";
import { serviceFiles } from "./service_files.ts";
import { engineOf, tlsPolicyOf } from "./listener_engine.ts";
import type { LoadedConfig } from "./snapshot.ts";
import { policyRefusal } from "../tls/openssl/policy_refusal.ts";
import { versionsOf } from "../tls/policy.ts";
import { refusedTrust, type Trust, trustParts, trustRead, trustWarnings } from "./trust.ts";

/** What reading a configuration file came to. */
export interface LoadedFile {
  readonly source: SourceFile;
  /** Errors first. */
  readonly problems: readonly Problem[];
  /** Undefined where there are errors. */
  readonly loaded: LoadedConfig | undefined;
  /** The files that it names, as each stood before it was read; none where that was not reached. */
  readonly stamps: FileStamps;
}

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
  const add = (severity: Problem["severity"], objections: readonly Objection[]) => {
    for (const { at, message } of objections) {
      problems.push({ severity, place: file.locate(at), message });
    }
  };
  const refused = (stamps: FileStamps) => ({
    ...{ source, stamps },
    problems: sortProblems(problems),
    loaded: undefined,
  });
  const { draft, config } = file;
  if (draft === undefined) return refused(NO_STAMPS);
  if (config !== undefined) {
    add("error", [...unsuitableEngines(config), ...logOverInput(config, path)]);
    if (options.looksForLog === true) add("warning", await shutLog(config));
    // asked before any file that the configuration names is read
    const objections = hasErrors(problems) ? [] : options.objections?.(config) ?? [];
    add("error", objections);
    if (objections.length > 0) return refused(NO_STAMPS);
  }
  const named = await stampsBeforeReading(filesOf(draft));
  const certificates = await readCertificates(file, options);
  const trust = await readTrust(file, options);
  const contents = await readContentFiles(file);
  for (const read of [certificates, trust, contents]) problems.push(...read.problems);
  problems.push(...await unreadableServiceFiles(file));
  const complete = certificates.read.length === draft.certificates.length;
  if (config === undefined || !complete || hasErrors(problems)) return refused(named);
  const loaded: LoadedConfig = {
    config,
    certificates: certificates.read,
    trust: trust.read,
    contents: contents.read,
    stamps: new Map([...own, ...named]),
  };
  add("error", await refusedCertificates(loaded, options.trials));
  add("error", refusedTrust(loaded));
  add("warning", [...trustWarnings(loaded), ...idleParts(loaded, options.now)]);
  add("error", failedTests(loaded));
  if (hasErrors(problems)) return refused(named);
  return { source, problems: sortProblems(problems), loaded, stamps: named };
}

const NO_STAMPS: FileStamps = new Map();

function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === "error");
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
  const read = trustRead();
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

/** Engines that cannot do what their listeners ask of them. */
function unsuitableEngines(config: Config): Objection[] {
  return config.listeners.flatMap((listener, index): Objection[] => {
    if (listener.kind !== "tls") return [];
    try {
      const { engine } = engineOf(listener, config);
      const policy = tlsPolicyOf(listener);
      // where no version or no group is left that has been told already
      const isLeft = versionsOf(policy).length > 0 && policy.groups?.length !== 0;
      const isAsked = engine === "openssl" && isLeft;
      const why = isAsked ? policyRefusal(policy) : undefined;
      if (why === undefined) return [];
      const message = `the openssl engine cannot do this: ${why}`;
      return [{ at: ["listeners", index, "tls"], message }];
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      return [{ at: ["listeners", index, "engine"], message: error.message }];
    }
  });
}

/** Certificates that can be read, and that an engine does not serve. */
async function refusedCertificates(
  { config, certificates }: LoadedConfig,
  trials = new EngineTrials(),
): Promise<Objection[]> {
  const refusals = await trials.refusals(config, certificates);
  return refusals.map(({ index, message }) => ({ at: ["certificates", index, "cert"], message }));
}

function failedTests(loaded: LoadedConfig): Objection[] {
  return runConfigTests(loaded)
    .map(({ path, message }) => ({ at: path, message: `test failed: ${message}` }));
}
