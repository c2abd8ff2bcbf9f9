import type { Config } from "../config/schema.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { ProxyError } from "../core/errors.ts";
import type { EngineName, TlsEngine } from "../tls/engine.ts";
import { denoEngine } from "../tls/deno_engine.ts";
import { nodeEngine } from "../tls/node_engine.ts";
import { engineOf } from "./snapshot.ts";

/** A certificate that is sound by itself, and that an engine does not serve. */
export interface Refusal {
  /** Its place among the certificates of the configuration. */
  readonly index: number;
  readonly message: string;
}

/**
 * Tries certificates with the engines of the listeners that are to serve them: what an engine
 * refuses would otherwise show when it starts, or only to the first client.
 *
 * @param certificates those of the configuration, in its order
 */
export async function tryCertificates(
  config: Config,
  certificates: readonly Certificate[],
): Promise<readonly Refusal[]> {
  const refusals: Refusal[] = [];
  for (const engine of enginesOf(config)) {
    for (const [index, certificate] of certificates.entries()) {
      // what stands in for one that a CA has yet to issue is our own
      if (certificate.placeholder === true) continue;
      const reason = await engine.refusal?.(certificate);
      if (reason === undefined) continue;
      const message =
        `Cannot read the certificate: the ${engine.name} engine does not serve ${certificate.label}: ${reason}`;
      refusals.push({ index, message });
    }
  }
  return refusals;
}

/** The same where one is enough. @throws {ProxyError} `bad_config` */
export async function mustBeServed(
  config: Config,
  certificates: readonly Certificate[],
): Promise<void> {
  const [first] = await tryCertificates(config, certificates);
  if (first !== undefined) throw new ProxyError("bad_config", first.message);
}

const ENGINES: Readonly<Record<EngineName, TlsEngine>> = { node: nodeEngine, deno: denoEngine };

function enginesOf(config: Config): readonly TlsEngine[] {
  const names = config.listeners.flatMap((listener) =>
    listener.kind === "tls" ? [engineOf(listener, config).engine] : []
  );
  return [...new Set(names)].map((name) => ENGINES[name]);
}
