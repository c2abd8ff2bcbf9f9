import { formatAddress, isLoopback, overlap } from "../core/address.ts";
import { cipherSuite, isHybrid } from "../core/cipher_suites.ts";
import { error, type Finding, warning } from "./finding.ts";
import { isWithin, type KeyPath } from "./key_path.ts";
import type { ParsedFile } from "./parse.ts";
import type { Problem } from "./problem.ts";
import type { Config } from "./config.ts";
import { isUnconditional } from "../http/conditions.ts";
import { stripPrefix } from "../http/strip_prefix.ts";
import { nearest } from "./suggest.ts";
import { idleKeysOfChecks, verifyBackends } from "./verify_backends.ts";
import { verifyCertificates } from "./verify_certificates.ts";
import { verifyCluster } from "./verify_cluster.ts";
import { verifyIdleKeys } from "./verify_idle.ts";
import { verifyHsts } from "./verify_hsts.ts";
import { verifyNetworks } from "./verify_networks.ts";
import { passthroughRoutes, rulesOfPassthrough } from "./verify_passthrough.ts";
import { verifySticky } from "./verify_sticky.ts";
import { verifyTcpRoutes, verifyTcpRules } from "./verify_tcp.ts";
import { verifyVariables } from "./verify_variables.ts";

/** What is wrong between the parts of a configuration whose form is right; no file is opened. */
export function verifyConfig(config: Config, file: ParsedFile): Problem[] {
  const { locate, says, broken } = file;
  if (broken.some(isFarReaching)) return [];
  return [
    ...duplicateListeners(config),
    ...missingParts(config),
    ...nothingLeftOfTls(config),
    ...verifyCertificates(config),
    ...unknownBackends(config),
    ...unusedBackends(config),
    ...unreachableRoutes(config),
    ...idlePrefixes(config),
    ...passthroughRoutes(config),
    ...repeatedClientAuth(config),
    ...verifyBackends(config),
    ...adminInTheOpen(config),
    ...verifySticky(config),
    ...verifyHsts(config),
    ...verifyVariables(config),
    ...verifyNetworks(config),
    ...verifyCluster(config),
    // these are of keys that have a value also where the file is silent
    ...[
      ...verifyTcpRules(config),
      ...verifyTcpRoutes(config),
      ...rulesOfPassthrough(config),
      ...serverKeysOfAnswers(config),
      ...idleKeysOfChecks(config),
      ...verifyIdleKeys(config),
    ].filter(({ path }) => says(path)),
  ].filter((finding) => broken.length === 0 || stands(finding, broken))
    .map(({ severity, path, message }) => ({ severity, place: locate(path), message }));
}

/** Whether what is broken may be what all else refers to: nothing could be said of the rest. */
function isFarReaching(path: KeyPath): boolean {
  return path.length <= 1 || (path[0] === "backends" && path.length === 2);
}

/** Whether a finding in a draft is one in the file too, and not only in what was made of it. */
function stands({ severity, path }: Finding, broken: readonly KeyPath[]): boolean {
  return severity === "error" &&
    !broken.some((other) => isWithin(path, other) || isWithin(other, path));
}

function duplicateListeners({ listeners }: Config): Finding[] {
  return listeners.flatMap(({ listen }, index): Finding[] => {
    const other = listeners.slice(0, index).find((earlier) => overlap(earlier.listen, listen));
    if (other === undefined) return [];
    const message = `another listener has ${formatAddress(other.listen)} already`;
    return [error(["listeners", index, "listen"], message)];
  });
}

function missingParts({ listeners, certificates, routes }: Config): Finding[] {
  const tls = listeners.findIndex(({ kind }) => kind === "tls");
  const serving = listeners.findIndex(({ kind }) => kind !== "redirect");
  const findings: Finding[] = [];
  if (tls >= 0 && certificates.length === 0) {
    findings.push(error(["listeners", tls], "a TLS listener needs certificates, there are none"));
  }
  if (serving >= 0 && routes.length === 0) {
    const message = "there are no routes: nothing would be forwarded";
    findings.push(error(["listeners", serving], message));
  }
  return findings;
}

/** Choices that no client could meet. */
function nothingLeftOfTls({ listeners }: Config): Finding[] {
  return listeners.flatMap((listener, index): Finding[] => {
    if (listener.kind !== "tls") return [];
    const { ciphers, groups, minVersion } = listener.tls;
    const path = (key: string) => ["listeners", index, "tls", key];
    const findings: Finding[] = [];
    const areOld = ciphers !== undefined && ciphers.length > 0 && !ciphers.some(isOf13);
    if (ciphers?.length === 0) findings.push(error(path("ciphers"), "there are no ciphers"));
    else if (minVersion === "1.3" && areOld) {
      findings.push(error(path("ciphers"), "none of these ciphers is one of TLS 1.3"));
    }
    if (groups?.length === 0) findings.push(error(path("groups"), "there are no groups"));
    else if (areOld && groups?.every(isHybrid)) {
      const message = "these groups are of TLS 1.3 alone, and none of the ciphers is";
      findings.push(error(path("groups"), message));
    }
    return findings;
  });
}

function isOf13(name: string): boolean {
  return cipherSuite(name)?.version === "TLSv1.3";
}

function unknownBackends({ routes, tests, backends }: Config): Finding[] {
  const known = [...backends.keys()];
  const check = (name: string | undefined, path: KeyPath): Finding[] => {
    if (name === undefined || backends.has(name)) return [];
    const suggestion = nearest(name, known);
    const meant = suggestion === undefined ? "" : `, did you mean "${suggestion}"?`;
    return [error(path, `there is no backend "${name}"${meant}`)];
  };
  return [
    ...routes.flatMap(({ backend }, index) => check(backend, ["routes", index, "backend"])),
    ...tests.flatMap(({ expect }, index) =>
      check(expect.backend, ["tests", index, "expect", "backend"])
    ),
  ];
}

function unusedBackends({ routes, backends }: Config): Finding[] {
  const used = new Set(routes.map(({ backend }) => backend));
  return [...backends.keys()].filter((name) => !used.has(name))
    .map((name) => warning(["backends", name], `no route uses the backend "${name}"`));
}

function unreachableRoutes({ routes }: Config): Finding[] {
  const all = routes.findIndex(({ hosts, paths, conditions }) =>
    hosts.length === 0 && paths.length === 0 && isUnconditional(conditions)
  );
  if (all < 0) return [];
  return routes.slice(all + 1).map((_, index) =>
    warning(["routes", all + 1 + index], `route ${all + 1} matches everything before this one`)
  );
}

/** A prefix that no path of the route begins with, nor goes on to. */
function idlePrefixes({ routes }: Config): Finding[] {
  return routes.flatMap(({ paths, stripPrefix: prefix }, index) =>
    prefix === undefined || paths.length === 0 ||
      paths.some((path) => isBelow(path, prefix) || isBelow(prefix, path))
      ? []
      : [warning(["routes", index, "strip_prefix"], `no path of this route begins with ${prefix}`)]
  );
}

function isBelow(path: string, prefix: string): boolean {
  return stripPrefix(path, prefix) !== undefined;
}

/** What is of requests as servers get them: a route that answers by itself asks none. */
function serverKeysOfAnswers({ routes }: Config): Finding[] {
  return routes.flatMap(({ redirect, respond }, index) =>
    redirect === undefined && respond === undefined
      ? []
      : ["strip_prefix", "request_headers", "limits"].map((key) =>
        warning(
          ["routes", index, key],
          `"${key}" is for servers: it means nothing without a backend`,
        )
      )
  );
}

function repeatedClientAuth({ clientAuth, routes }: Config): Finding[] {
  const passing = new Set(
    routes.flatMap(({ passthrough, hosts }) => passthrough ? hosts : []),
  );
  return clientAuth.flatMap(({ hosts }, index): Finding[] => {
    const earlier = clientAuth.slice(0, index);
    const at = ["client_auth", index];
    if (hosts.length === 0 && earlier.some((other) => other.hosts.length === 0)) {
      return [error(at, "another entry is for all other names already: say hosts")];
    }
    return hosts.flatMap((host, place): Finding[] => {
      if (earlier.some((other) => other.hosts.includes(host))) {
        return [error([...at, "hosts", place], `another entry is for ${host} already`)];
      }
      return passing.has(host)
        ? [error([...at, "hosts", place], `${host} passes through: its servers ask, or nobody`)]
        : [];
    });
  });
}

/** Whoever reaches it may look and act: beyond this machine that takes more than reaching it. */
function adminInTheOpen({ admin, listeners }: Config): Finding[] {
  if (admin === undefined) return [];
  const findings: Finding[] = [];
  if (!isLoopback(admin.listen.host) && admin.tokenFile === undefined) {
    const message = "beyond the loopback interface admin needs a token_file";
    findings.push(error(["admin", "listen"], message));
  }
  const taken = listeners.find(({ listen }) => overlap(listen, admin.listen));
  if (taken !== undefined) {
    const message = `a listener has ${formatAddress(taken.listen)} already`;
    findings.push(error(["admin", "listen"], message));
  }
  return findings;
}
