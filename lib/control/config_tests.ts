import type { KeyPath } from "../config/key_path.ts";
import type { RouteConfig, TestConfig } from "../config/config.ts";
import { type Asked, ownAnswerOf } from "./own_answers.ts";
import { normalizeHostName } from "../core/host_name.ts";
import { certificateCovers } from "../certificates/certificate_store.ts";
import { type Resolution, resolveRequest, resolveRoute, type RouteResolution } from "./resolve.ts";
import { browserAbilities } from "../tls/admission.ts";
import { tlsPolicyOf } from "./listener_engine.ts";
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
  const knowing = listeners.find(({ engine }) => engine !== "deno");
  const client = knowing && browserAbilities(tlsPolicyOf(knowing));
  const seesCertificate = loaded.certificates.length === 1 || knowing !== undefined;
  const isPlain = listeners.length === 0 &&
    loaded.config.listeners.some(({ kind }) => kind === "plain");
  return loaded.config.tests.flatMap((test, index): FailedTest[] => {
    if (!isPlain && loaded.certificates.length === 0) {
      return [{ path: ["tests", index], message: "there is no TLS listener that could be asked" }];
    }
    const { path } = test;
    const host = test.host ?? test.sni;
    const name = host === undefined ? undefined : normalizeHostName(host);
    // a client names no address in its handshake (RFC 6066, section 3)
    const sni = test.sni ?? name;
    const found = isPlain
      ? resolveRoute(loaded, { host: name ?? host, path, request: undefined, proved: undefined })
      : resolveRequest(loaded, { sni, host, path, strictSni, client, seesCertificate });
    return failures(test, found, { host, path, sni: knowing && sni })
      .map(({ key, message }) => ({ path: ["tests", index, "expect", key], message }));
  });
}

/** An expectation of a test that is not met. */
interface Failure {
  readonly key: "backend" | "certificate" | "status" | "redirect" | "header";
  readonly message: string;
}

/** What becomes of a request, by TLS or without. */
type Found = Resolution | RouteResolution;

function failures({ expect }: TestConfig, found: Found, asked: Asked): Failure[] {
  const failed: Failure[] = [];
  const isRouted = found.kind === "route" || found.kind === "passthrough";
  const backend = isRouted ? found.found.backend : undefined;
  if (expect.backend !== undefined && expect.backend !== backend) {
    const instead = backend === undefined ? describe(found) : `it goes to "${backend}"`;
    failed.push({ key: "backend", message: `expected backend "${expect.backend}", ${instead}` });
  }
  if (expect.certificate !== undefined) {
    const given = "certificate" in found ? found.certificate.certificate : undefined;
    const right = given !== undefined &&
      (certificateCovers(given, expect.certificate) || isPathOf(given.label, expect.certificate));
    if (!right) {
      const instead = given === undefined ? describe(found) : `it gets ${given.label}`;
      const message = `expected certificate "${expect.certificate}", ${instead}`;
      failed.push({ key: "certificate", message });
    }
  }
  const own = isRouted ? ownAnswerOf(found.found, asked) : undefined;
  if (expect.redirect !== undefined && expect.redirect !== own?.location) {
    const instead = own?.location === undefined ? describe(found) : `it leads to ${own.location}`;
    failed.push({
      key: "redirect",
      message: `expected redirect to ${expect.redirect}, ${instead}`,
    });
  }
  for (const [name, value] of Object.entries(expect.header ?? {})) {
    const set = isRouted ? setHeader(found.found, name) : undefined;
    if (set === value) continue;
    const instead = set === undefined ? "its route sets none" : `its route sets "${set}"`;
    failed.push({ key: "header", message: `expected header ${name}: ${value}, ${instead}` });
  }
  const status = statusOf(found) ?? own?.status;
  if (expect.status !== undefined && expect.status !== status) {
    failed.push({ key: "status", message: `expected status ${expect.status}, ${describe(found)}` });
  }
  return failed;
}

/** What a route puts into answers under a name; undefined for nothing. */
function setHeader(
  { responseHeaders: { set, add } }: RouteConfig,
  name: string,
): string | undefined {
  const all = [...Object.entries(set), ...Object.entries(add)];
  return all.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];
}

/** The status this proxy would answer itself; undefined where a backend answers. */
function statusOf({ kind }: Found): number | undefined {
  return kind === "misdirected" || kind === "other_policy"
    ? 421
    : kind === "no_route"
    ? 404
    : undefined;
}

function describe(found: Found): string {
  switch (found.kind) {
    case "refused_name":
      return "the handshake is refused (strict_sni)";
    case "passthrough":
      return `it passes through to "${found.found.backend}"`;
    case "other_policy":
      return `it gets 421 (${found.reason})`;
    case "misdirected":
      return "it gets 421 (another certificate covers this host)";
    case "no_route":
      return "it gets 404 (no route matches)";
    case "route":
      if (found.found.backend !== undefined) return `it goes to "${found.found.backend}"`;
      return found.found.redirect === undefined
        ? `route ${found.route + 1} responds ${found.found.respond?.status}`
        : `route ${found.route + 1} redirects to ${found.found.redirect.to}`;
  }
}

/** Whether a path leads there from whatever folder the file may be in. */
function isPathOf(label: string, path: string): boolean {
  return label === path || label.endsWith(`/${path.replace(/^(?:\.\.?\/)+/, "")}`);
}
