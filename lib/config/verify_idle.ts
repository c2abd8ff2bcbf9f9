import { ERROR_STATUSES } from "../http/error_answer.ts";
import { type Finding, warning } from "./finding.ts";
import type { BackendConfig, Config } from "./config.ts";

/** What is written where nothing goes by it, so that its writer believes in what is not so. */
export function verifyIdleKeys(config: Config): Finding[] {
  return [
    ...idleKeysOfBackends(config),
    ...provenByNobody(config),
    ...passedByNobody(config),
    ...pagesOfNoError(config),
    ...refusedMethods(config),
    ...linesOfNoAccessLog(config),
  ];
}

/** Keys of a backend, and when nothing goes by them. */
const IDLE_KEYS: readonly {
  readonly section: string;
  /** Of the section; the section itself where they are left out. */
  readonly keys?: readonly string[];
  readonly isIdle: (backend: BackendConfig) => boolean;
  readonly where: string;
}[] = [
  {
    section: "queue",
    isIdle: ({ servers }) => servers.every(({ maxConnections }) => maxConnections === 0),
    where: "where no server has max_connections",
  },
  {
    section: "dns",
    isIdle: ({ servers }) => servers.every(({ address }) => address.kind !== "dns"),
    where: "without dns: servers",
  },
  {
    section: "pool",
    isIdle: ({ proxyProtocol }) => proxyProtocol !== "none",
    where: "beside proxy_protocol: a connection is for one client, and is not kept",
  },
  {
    section: "health",
    keys: [
      ...["service", "method", "path", "host", "expect", "body"],
      ...["interval", "fast_interval", "timeout", "rise", "fall"],
    ],
    isIdle: ({ health: { type } }) => type === "none",
    where: "where servers are not checked",
  },
  {
    section: "slow_start",
    isIdle: ({ balance }) => balance === "source_hash",
    where: "for source_hash, which would move clients to and fro",
  },
  {
    section: "ejection",
    keys: ["time", "max_time", "min_healthy"],
    isIdle: ({ ejection: { failures } }) => failures === 0,
    where: "where no failures take a server out",
  },
  {
    section: "ejection",
    keys: ["time"],
    isIdle: ({ ejection: { failures, time, maxTime } }) => failures > 0 && time > maxTime,
    where: "beyond max_time (5m where it is left out), for which a server is out at the most",
  },
];

function idleKeysOfBackends({ backends }: Config): Finding[] {
  return [...backends].flatMap(([name, backend]) =>
    IDLE_KEYS.filter(({ isIdle }) => isIdle(backend)).flatMap(({ section, keys, where }) => {
      const at = ["backends", name, section];
      return keys === undefined
        ? [meaningless(at, where)]
        : keys.map((key) => meaningless([...at, key], where));
    })
  );
}

/** Who writes it must not believe that clients come by it. */
function provenByNobody({ listeners, clientAuth }: Config): Finding[] {
  if (clientAuth.length === 0 || listeners.some(({ kind }) => kind === "tls")) return [];
  const message = "without a listener of TLS nobody shows a certificate: these hosts get 421";
  return [warning(["client_auth"], message)];
}

function passedByNobody({ listeners, routes }: Config): Finding[] {
  if (listeners.some(({ kind }) => kind === "tls")) return [];
  const message = "without a listener of TLS nothing passes through: these hosts get 421";
  return routes.flatMap(({ passthrough }, index) =>
    passthrough ? [warning(["routes", index, "passthrough"], message)] : []
  );
}

function pagesOfNoError({ errorPages }: Config): Finding[] {
  return [...errorPages.keys()].filter((status) => !ERROR_STATUSES.has(status)).map((status) =>
    warning(["error_pages", String(status)], `the proxy itself never answers ${status}`)
  );
}

/** Methods that no route gets to see, see `requestTarget`. */
function refusedMethods({ routes }: Config): Finding[] {
  return routes.flatMap(({ conditions: { methods } }, index) =>
    methods.flatMap((method, at) =>
      method === "TRACE" || method === "CONNECT"
        ? [warning(
          ["routes", index, "methods", at],
          `no route gets ${method}: such requests are refused with 405`,
        )]
        : []
    )
  );
}

function linesOfNoAccessLog({ log: { access, tls } }: Config): Finding[] {
  if (access) return [];
  const where = 'beside "access: false", which leaves the warnings alone';
  return [...(tls ? ["tls"] : []), "sample"].map((key) => meaningless(["log", key], where));
}

function meaningless(path: string[], where: string): Finding {
  return warning(path, `"${path.at(-1)}" means nothing ${where}`);
}
