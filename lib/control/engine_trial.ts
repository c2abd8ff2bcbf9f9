import type { Certificate } from "../certificates/certificate.ts";
import type { Config } from "../config/config.ts";
import { Slices } from "../io/slices.ts";
import { denoEngine } from "../tls/deno_engine.ts";
import type { EngineName, TlsEngine } from "../tls/engine.ts";
import { opensslEngine } from "../tls/openssl_engine.ts";
import { engineOf } from "./listener_engine.ts";

/** A certificate that is sound by itself, and that an engine does not serve. */
export interface Refusal {
  /** Its place among the certificates of the configuration. */
  readonly index: number;
  readonly message: string;
}

/**
 * Tries certificates with the engines of the listeners that are to serve them: what an engine
 * refuses would otherwise show when it starts, or only to the first client. What has passed is not
 * tried again, as one of two thousand may be renewed every hour.
 */
export class EngineTrials {
  /** Engines with the digests of certificates. */
  #passed: ReadonlySet<string> = new Set();

  /** @param certificates those of the configuration, in its order */
  async refusals(
    config: Config,
    certificates: readonly Certificate[],
  ): Promise<readonly Refusal[]> {
    const passed = new Set<string>();
    const refusals: Refusal[] = [];
    const slices = new Slices();
    for (const engine of enginesOf(config)) {
      for (const [index, certificate] of certificates.entries()) {
        // what stands in for one that a CA has yet to issue is our own
        if (certificate.placeholder === true) continue;
        const trial = `${engine.name} ${certificate.digest}`;
        const reason = this.#passed.has(trial) ? undefined : engine.refusal(certificate);
        if (reason === undefined) passed.add(trial);
        else refusals.push({ index, message: messageOf(engine, { certificate, reason }) });
        if (slices.isOver) await slices.next();
      }
    }
    this.#passed = passed;
    return refusals;
  }
}

function messageOf(
  { name }: TlsEngine,
  { certificate, reason }: { certificate: Certificate; reason: string },
): string {
  const what = `the ${name} engine does not serve ${certificate.label}`;
  return `Cannot read the certificate: ${what}: ${reason}`;
}

const ENGINES: Readonly<Record<EngineName, TlsEngine>> = {
  openssl: opensslEngine,
  deno: denoEngine,
};

function enginesOf(config: Config): readonly TlsEngine[] {
  const names = config.listeners.flatMap((listener) =>
    listener.kind === "tls" ? [engineOf(listener, config).engine] : []
  );
  return [...new Set(names)].map((name) => ENGINES[name]);
}
