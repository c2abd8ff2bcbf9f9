import {
  DEVELOPMENT_HOSTS,
  type DevelopmentFiles,
  ensureDevelopmentCertificate,
} from "../certificates/development_certificate.ts";
import type { Config } from "../config/config.ts";
import { notPermitted, surplusGrants, unreachableSocket } from "../control/fence.ts";
import { loadFiles } from "../control/load_files.ts";
import type { LoadedConfig } from "../control/snapshot.ts";
import { ProxyError } from "../core/errors.ts";
import { withoutZone } from "../core/ip.ts";
import { shellLine } from "../permissions/flags.ts";
import { isLocal } from "./announce.ts";
import { type FileOutput, readConfigFile } from "./config_file.ts";
import { startDemoBackend } from "./demo_backend.ts";
import { certificateConfig, withBackend } from "./flags.ts";
import type { Say } from "./say.ts";

/** Where the configuration comes from. */
export type RunSource =
  | { readonly kind: "flags"; readonly config: Config }
  | { readonly kind: "file"; readonly path: string };

/** What the proxy starts with. */
export interface Start {
  readonly loaded: LoadedConfig;
  /** Where the development certificate stands in for a configured one. */
  readonly development: DevelopmentFiles | undefined;
  /** Whether the backend is the built-in demo. */
  readonly demo: boolean;
}

/**
 * Reads the configuration that the proxy is to run by. What flags leave open is filled in: the
 * development certificate, and the demo backend, which is closed with `cleanUp`.
 *
 * @throws {ProxyError} where it cannot be had, one clear line
 */
export async function loadSource(
  source: RunSource,
  { output, cleanUp }: {
    output: FileOutput & { readonly say: Say };
    cleanUp: AsyncDisposableStack;
  },
): Promise<Start> {
  if (source.kind === "file") {
    const { path } = source;
    const { loaded } = await readConfigFile(path, {
      expiredIsError: false,
      output,
      objections: (config) => notPermitted(config, path),
    });
    tellSurplus(loaded.config, path, output.say);
    return { loaded, development: undefined, demo: false };
  }
  const unreachable = unreachableSocket(source.config);
  if (unreachable !== undefined) throw new ProxyError("bad_config", unreachable);
  const { config, development } = await fillInCertificate(source.config);
  if (config.backends.size > 0) {
    return { loaded: await loadFiles(config), development, demo: false };
  }
  const demo = await startDemoBackend();
  cleanUp.defer(() => demo.close());
  const complete = withBackend(config, [{ kind: "tcp", ...demo.address }]);
  return { loaded: await loadFiles(complete), development, demo: true };
}

/**
 * A configuration file is written for others to rely on, so that it is told when nothing holds the
 * process to it. The flag form is for trying things out, and keeps quiet.
 */
function tellSurplus(config: Config, path: string, say: Say): void {
  const surplus = surplusGrants(config, path);
  if (surplus.length === 0) return;
  say(
    `warning: this process holds more permissions than ${path} needs: ${surplus.join(" ")}; ` +
      `deno task proxy:prod ${shellLine(["--config", path])} grants exactly those`,
  );
}

async function fillInCertificate(
  config: Config,
): Promise<{ config: Config; development: DevelopmentFiles | undefined }> {
  if (config.certificates.length > 0) return { config, development: undefined };
  // a certificate is for an address without its zone
  const others = config.listeners.map(({ listen }) => withoutZone(listen.host))
    .filter((host) => !isLocal(host));
  const made = await ensureDevelopmentCertificate("certs", [...DEVELOPMENT_HOSTS, ...others]);
  return { config: { ...config, certificates: [certificateConfig(made)] }, development: made };
}
