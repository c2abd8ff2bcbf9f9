import type { KeyPath } from "../config/key_path.ts";
import type { TestConfig } from "../config/schema.ts";
import { normalizeHostName } from "../core/host_name.ts";
import { certificateCovers } from "../certificates/certificate_store.ts";
import { type Resolution, resolveRequest } from "./resolve.ts";
import type { LoadedConfig } from "./snapshot.ts";

/** An expectation that the configuration does not meet. */
export interface FailedTest {
  readonly path: KeyPath;
  /** One line, with what was found instead. */
  readonly message: string;
}

/** Asks the configuration its own tests. */
export function runConfigTests(loaded: LoadedConfig): FailedTest[] {
  const listeners = loaded.config.listeners.filter((listener) => listener.kind === "tls");
  const strictSni = listeners.some(({ tls }) => tls.strictSni);
  // `auto` takes the engine that knows, where it is there
  const seesCertificate = loaded.certificates.length === 1 ||
    listeners.some(({ engine }) => engine !== "deno");
  return loaded.config.tests.flatMap((test, index): FailedTest[] => {
    if (loaded.certificates.length === 0) {
      return [{ path: ["tests", index], message: "there is no TLS listener that could be asked" }];
    }
    const host = test.host ?? test.sni;
    // a client names no address in its handshake (RFC 6066, section 3)
    const sni = test.sni ?? (host === undefined ? undefined : normalizeHostName(host));
    const found = resolveRequest(loaded, {
      ...{ sni, host, path: test.path, strictSni, seesCertificate },
    });
    return failures(test, found).map(({ key, message }) => ({
      path: ["tests", index, "expect", key],
      message,
    }));
  });
}

function failures(
  { expect }: TestConfig,
  found: Resolution,
): { key: "backend" | "certificate" | "status"; message: string }[] {
  const failed: ReturnType<typeof failures> = [];
  const isRouted = found.kind === "route" || found.kind === "passthrough";
  const backend = isRouted ? found.backend : undefined;
  if (expect.backend !== undefined && expect.backend !== backend) {
    const instead = backend === undefined ? describe(found) : `it goes to "${backend}"`;
    failed.push({ key: "backend", message: `expected backend "${expect.backend}", ${instead}` });
  }
  if (expect.certificate !== undefined) {
    const given = "certificate" in found ? found.certificate.certificate : undefined;
    const right = given !== undefined &&
      (certificateCovers(given, expect.certificate) || given.label === expect.certificate ||
        given.label.endsWith(`/${expect.certificate}`));
    if (!right) {
      const instead = given === undefined ? describe(found) : `it gets ${given.label}`;
      const message = `expected certificate "${expect.certificate}", ${instead}`;
      failed.push({ key: "certificate", message });
    }
  }
  if (expect.status !== undefined && expect.status !== statusOf(found)) {
    failed.push({ key: "status", message: `expected status ${expect.status}, ${describe(found)}` });
  }
  return failed;
}

/** The status this proxy would answer itself; undefined where a backend answers. */
function statusOf({ kind }: Resolution): number | undefined {
  return kind === "misdirected" || kind === "other_policy"
    ? 421
    : kind === "no_route"
    ? 404
    : undefined;
}

function describe(found: Resolution): string {
  switch (found.kind) {
    case "refused_name":
      return "the handshake is refused (strict_sni)";
    case "passthrough":
      return `it passes through to "${found.backend}"`;
    case "other_policy":
      return `it gets 421 (${found.reason})`;
    case "misdirected":
      return "it gets 421 (another certificate covers this host)";
    case "no_route":
      return "it gets 404 (no route matches)";
    case "route":
      return `it goes to "${found.backend}"`;
  }
}
