import * as z from "zod";
import { parseAddress } from "../core/address.ts";
import { parseServerAddress } from "../core/endpoint.ts";
import { ipVersion } from "../core/ip.ts";
import { TOKEN } from "../http/grammar.ts";
import { camelKeys } from "./camel_keys.ts";
import {
  cidr,
  count,
  duration,
  headSize,
  hostOrAddress,
  notAPath,
  text,
  timer,
  wait,
} from "./schema_parts.ts";
import { parseDuration } from "./units.ts";

/** What backends are in the file: see `yaml_schema`. */

/** What a server is that is only an address. */
export const SERVER_DEFAULTS = {
  weight: 1,
  backup: false,
  maxConnections: 0,
  drain: false,
  checked: true,
};

const tlsDetails = camelKeys(
  z.strictObject({
    ca: z.string().min(1).optional().meta({
      description: "PEM file of the authorities that are believed; by default the system's",
    }),
    name: hostOrAddress.optional().meta({
      description: "What the certificate has to be for; by default the server's host",
    }),
    cert: z.string().min(1).optional().meta({
      description: "PEM file of the chain to show to servers that ask for one, leaf first",
    }),
    key: z.string().min(1).optional().meta({ description: "PEM file of its private key" }),
    passphrase_file: z.string().min(1).optional().meta({
      description: "File that holds the passphrase of that key, where it is encrypted",
    }),
    verify: z.boolean().default(true).meta({
      description: "Whether servers have to prove who they are; false is for trying things out",
    }),
  }).refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    error: "cert and key go together: one of them is missing",
  }).refine(({ key, passphrase_file }) => key !== undefined || passphrase_file === undefined, {
    error: "there is no key that the passphrase is for",
    path: ["passphrase_file"],
  }),
);

const backendTls = z.union([
  z.boolean().transform((on) => on ? tlsDetails.parse({}) : undefined),
  tlsDetails,
]);

const serverAddress = text(
  "host:port, unix:/path, or dns:name:port for every address of the name",
  "127.0.0.1:8001",
  parseServerAddress,
);

const server = z.union([
  serverAddress.transform((address) => ({ address, ...SERVER_DEFAULTS })),
  z.strictObject({
    address: serverAddress,
    weight: count("Share of the work", { least: 1, byDefault: 1 }),
    backup: z.boolean().default(false).meta({
      description: "Has work only while others have none",
    }),
    max_connections: count("Requests at once; 0 is no limit", { least: 0, byDefault: 0 }),
    drain: z.boolean().default(false).meta({ description: "Gets no new requests" }),
    health: z.literal("none").optional().meta({
      description:
        "Not checked, whatever its backend's check is: for a backup that is another kind of server",
    }),
  }).transform(({ max_connections, health, ...rest }) => ({
    ...rest,
    maxConnections: max_connections,
    checked: health === undefined,
  })),
]);

const STATUS_RANGES = "Status ranges, or one status";

const statusRange = text(
  STATUS_RANGES,
  "200-399",
  (value) => {
    const ranges = value.split(",").map((range): readonly [number, number] => {
      const match = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(range);
      const low = Number(match?.[1]);
      const high = Number(match?.[2] ?? match?.[1]);
      if (match === null || low > high) throw new Error(`"${value}" is not a range like 200-399`);
      return [low, high];
    });
    // RFC 9110, section 15.2: another answer follows those below
    if (ranges.every(([, high]) => high < 200)) {
      throw new Error(`"${value}" has the status of no final answer; write a range like 200-399`);
    }
    return ranges;
  },
);

// of the value as a whole, whichever way it is written
const statusRanges = z.union([
  statusRange,
  z.int().min(200).max(599).transform((status) => [[status, status] as const]),
]).prefault("200-399").meta({ description: STATUS_RANGES });

const health = camelKeys(z.strictObject({
  type: z.enum(["http", "tcp", "grpc", "none"]).default("tcp").meta({
    description:
      "A request, by what all requests are sent by; only a connection; or grpc.health.v1, which takes protocol: h2",
  }),
  service: z.string().max(200).default("").meta({
    description: "What a grpc check asks for; nothing asks for the server as a whole",
  }),
  method: z.enum(["GET", "HEAD", "OPTIONS"]).default("GET"),
  path: z.string().regex(/^\/[\x21-\x7e]*$/, {
    error: ({ input }) => notAPath(String(input), "a path begins with / and has no spaces"),
  }).default("/").meta({ description: "With a query, where there is one" }),
  host: z.string().regex(/^[\x21-\x7e]+$/, { error: "not a host" }).optional().meta({
    description: "The Host field; by default the server's address",
  }),
  expect: statusRanges,
  body: z.string().min(1).optional().meta({ description: "Text the answer's body has to contain" }),
  interval: wait("Between two checks", "5s"),
  fast_interval: wait("The same while a server is changing state", "1s"),
  timeout: wait("For one check", "2s"),
  rise: count("Successes that bring a server back", { least: 1, byDefault: 2 }),
  fall: count("Failures that take a server out", { least: 1, byDefault: 3 }),
})).transform(({ type, ...rest }) =>
  type === "none"
    ? { type }
    : { type, ...rest, fastInterval: Math.min(rest.fastInterval, rest.interval) }
);

const ejection = camelKeys(z.strictObject({
  failures: count(
    "Failed requests in a row that take a server out, as one that is refused does at once; 0 never does",
    { least: 0, byDefault: 5 },
  ),
  time: duration("For how long; each time that follows lasts as much longer", "10s"),
  max_time: duration("At the most", "5m"),
  min_healthy: z.int().min(0).max(100).default(50).meta({
    description: "Per cent of the servers that stay in any case",
  }),
}));

const nameServer = text("IP address and port of a name server", "127.0.0.1:8600", (value) => {
  const parsed = parseAddress(value);
  if (ipVersion(parsed.host) === 0) {
    throw new Error(`"${value}" is not the IP address of a name server`);
  }
  if (parsed.port === 0) throw new Error(`"${value}": a name server needs a port`);
  return parsed;
});

const dns = camelKeys(z.strictObject({
  interval: wait("Between two looks", "10s"),
  timeout: wait("For one look", "5s"),
  server: nameServer.optional(),
  networks: z.array(cidr).default([]).meta({
    description: "Ranges that the addresses found have to lie in; none for any",
  }),
}));

/** Browsers keep no cookie for longer (RFC 6265bis, section 5.5). */
const MAX_STICKY_DAYS = 400;

const stickyTtl = text(
  "How long it lasts, 1s to 400d; one that is used is renewed before half of that",
  "1h",
  (value) => {
    const ttl = parseDuration(value);
    if (ttl === undefined) throw new Error(`"${value}" is not a duration; write 300s, 10m or 1h`);
    if (ttl < 1000 || ttl > MAX_STICKY_DAYS * 24 * 60 * 60 * 1000) {
      throw new Error(`"${value}" is no time that a cookie is kept for: write 1s to 400d`);
    }
    return ttl;
  },
).prefault("1h");

const sticky = z.strictObject({
  cookie: z.string().refine((name) => TOKEN.test(name) && name.length <= 64, {
    error: ({ input }) =>
      `"${input}" is not the name of a cookie; write up to 64 letters, digits, - and _, such as lb`,
  }).default("lb").meta({
    description: "Name of the cookie; servers do not see it, and must not set one of this name",
  }),
  ttl: stickyTtl,
});

export const backend = camelKeys(z.strictObject({
  servers: z.array(server).min(1),
  balance: z.enum(["round_robin", "least_connections", "random", "source_hash"])
    .default("round_robin").meta({ description: "How a server is chosen" }),
  sticky: sticky.optional().meta({
    description: "Clients keep their server, by a cookie that tells nothing of it",
  }),
  protocol: z.enum(["http1", "h2", "auto"]).default("http1").meta({
    description:
      "What servers are spoken to by: HTTP/1.1; HTTP/2, by prior knowledge where there is no TLS; or what they choose by ALPN, which takes TLS",
  }),
  health: health.prefault({ type: "none" }).meta({ description: "How servers are checked" }),
  ejection: ejection.prefault({}).meta({
    description: "When real requests that fail take a server out",
  }),
  slow_start: duration("Until a server that has returned has its whole share of work", "10s"),
  queue: z.strictObject({
    max: count("Requests that may wait while all servers are busy", { least: 0, byDefault: 100 }),
    timeout: duration("For how long one waits", "5s"),
  }).prefault({}),
  retries: z.int().min(0).max(20).default(3).meta({
    description: "How often a request is tried again that has reached no server",
  }),
  when_down: z.union([z.literal(502), z.literal(503)]).default(502).meta({
    description: "Status when no server is up",
  }),
  proxy_protocol: z.enum(["none", "v1", "v2"]).default("none").meta({
    description: "Tell servers the client's address ahead of everything else",
  }),
  tls: backendTls.optional().meta({ description: "TLS to the servers, instead of plain text" }),
  dns: dns.prefault({}).meta({ description: "How dns: servers are looked up" }),
  timeouts: camelKeys(z.strictObject({
    connect: wait("For connecting to a server", "5s"),
    response: wait("From a request's end to its answer's head", "60s"),
    idle: timer(
      "Without progress of an answer's body, or of the request's behind its head; by default timeouts.body_idle",
    )
      .optional(),
  })).prefault({}),
  limits: camelKeys(z.strictObject({
    header_bytes: headSize("Of an answer's head; by default limits.header_bytes").optional(),
    headers: z.int().min(1).max(1_000_000_000).optional().meta({
      description: "Fields of an answer's head; by default limits.headers",
    }),
  })).prefault({}),
  pool: camelKeys(z.strictObject({
    max_idle: count("Idle connections kept for each server, once a burst is over", {
      least: 0,
      byDefault: 64,
    }),
    idle_timeout: duration("How long one is kept", "60s"),
  })).prefault({}),
}));
