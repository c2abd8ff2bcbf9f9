import { filesOf } from "../config/files.ts";
import type { CertificateConfig, Config } from "../config/config.ts";
import { ProxyError } from "../core/errors.ts";
import { type FileStamps, isSameStamp, stampsBeforeReading } from "../io/file_stamp.ts";
import { isOfShortage } from "../io/shortage.ts";
import { type Certificate, loadCertificate } from "../certificates/certificate.ts";
import type { CertificateReader } from "./certificate_reader.ts";
import { contentFiles, readContent } from "./content_files.ts";
import { EngineTrials } from "./engine_trial.ts";
import type { LoadedConfig } from "./snapshot.ts";
import { orStandIn } from "./stand_in_certificate.ts";
import { refusedTrust, trustParts, trustRead } from "./trust.ts";

/** Reads its files, or makes what stands in for one that a CA has yet to give. */
export const readOne: CertificateReader = orStandIn(loadCertificate);

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
  readonly onUnread?: (problem: ProxyError) => void;
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
  const stamps = new Map(await stampsBeforeReading(filesOf(config)));
  /** What is there instead of what has failed. */
  const instead = <T>(error: unknown, before: T | undefined): T => {
    if (before === undefined || !(error instanceof ProxyError)) throw error;
    onUnread?.(error);
    return before;
  };
  const orBefore = <T>(reading: Promise<T>, before: T | undefined): Promise<T> =>
    reading.catch((error) => instead(error, before));
  const certificates = await Promise.all(
    config.certificates.map((entry, index) =>
      known && knownCertificate(entry, known, stamps) ||
      read(entry).catch((error) => {
        // they do not change again, and are to be read the next time nevertheless
        if (isOfShortage(error)) certificatePaths(entry).forEach((path) => stamps.delete(path));
        return instead(error, known?.certificates[index]);
      })
    ),
  );
  for (const { index, message } of await trials.refusals(config, certificates)) {
    const refusal = new ProxyError("bad_config", message);
    certificates[index] = instead(refusal, known?.certificates[index]);
  }
  const trust = trustRead(known?.trust);
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

/** To read one takes milliseconds, and there may be two thousand of which one has changed. */
function knownCertificate(
  entry: CertificateConfig,
  known: LoadedConfig,
  stamps: FileStamps,
): Certificate | undefined {
  const index = known.config.certificates.indexOf(entry);
  const stand = certificatePaths(entry).every((path) => {
    const [before, now] = [known.stamps.get(path), stamps.get(path)];
    return before !== undefined && now !== undefined && isSameStamp(before, now);
  });
  const certificate = stand ? known.certificates[index] : undefined;
  return certificate?.placeholder === true ? undefined : certificate;
}

function certificatePaths({ cert, key, passphraseFile }: CertificateConfig): readonly string[] {
  return [cert, key, ...passphraseFile === undefined ? [] : [passphraseFile]];
}
