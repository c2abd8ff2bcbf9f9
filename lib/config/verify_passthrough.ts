import type { Config } from "./config.ts";
import { error, type Finding } from "./finding.ts";

/** A name passes through or does not: what its paths are only shows once TLS is ended here. */
export function passthroughRoutes({ routes, backends }: Config): Finding[] {
  return routes.flatMap(({ hosts, paths, backend, passthrough }, index): Finding[] => {
    if (!passthrough) return [];
    const at = ["routes", index];
    const findings: Finding[] = [];
    if (backend === undefined) {
      findings.push(error(at, "a connection that passes through needs a backend"));
    }
    if (paths.length > 0) {
      const message = "a connection that passes through shows no path: take paths out";
      findings.push(error([...at, "paths"], message));
    }
    if (backend !== undefined && backends.get(backend)?.tls !== undefined) {
      const message = `the client's TLS is for the servers of "${backend}", which have tls of ours`;
      findings.push(error([...at, "backend"], message));
    }
    for (const [place, host] of hosts.entries()) {
      const other = routes.findIndex((route) => !route.passthrough && route.hosts.includes(host));
      if (other < 0) continue;
      const message = `route ${other + 1} ends the TLS of ${host}: a name passes or does not`;
      findings.push(error([...at, "hosts", place], message));
    }
    return findings;
  });
}

/**
 * What cannot hold for a connection that passes through: an error, as who writes `allow` must not
 * believe that it does. The keys have values also where the file is silent.
 */
export function rulesOfPassthrough({ routes }: Config): Finding[] {
  return routes.flatMap(({ passthrough }, index) =>
    passthrough
      ? REQUEST_KEYS.map((key) =>
        error(["routes", index, key], `"${key}" cannot hold for a connection that passes through`)
      )
      : []
  );
}

/** What looks at requests, or changes them: of a connection that passes there are none to see. */
const REQUEST_KEYS = [
  ...["methods", "headers", "strip_prefix", "request_headers", "response_headers"],
  ...["allow", "deny", "rate_limit", "basic_auth", "limits", "compress"],
];
