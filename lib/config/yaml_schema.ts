import * as z from "zod";
import { isIP } from "node:net";
import { parseAddress } from "../core/address.ts";
import { parseServerAddress } from "../core/endpoint.ts";
import { CIPHER_SUITES, cipherSuite, GROUP_NAMES } from "../core/cipher_suites.ts";
import { ipAddress, normalizeHostPattern } from "../core/host_name.ts";
import type {
  AcmeConfig,
  AdminConfig,
  BackendConfig,
  BackendTlsConfig,
  CertificateConfig,
  ClientAuthConfig,
  ClusterConfig,
  DnsConfig,
  EjectionConfig,
  HealthConfig,
  LimitsConfig,
  ListenerConfig,
  LogConfig,
  ServerConfig,
  TestConfig,
  TimeoutsConfig,
  TlsConfig,
} from "./schema.ts";
import { TOKEN } from "../http/grammar.ts";
import { nearest } from "./suggest.ts";
import { pathPrefix, route } from "./route_schema.ts";
import {
  address,
  cidr,
  count,
  duration,
  hostOrAddress,
  hostPattern,
  plainDuration,
  plainSize,
  size,
  text,
} from "./schema_parts.ts";
import { parseDuration } from "./units.ts";

/** What to say to who still asks for the engine that there was on `node:tls`. */
export const NODE_ENGINE_GONE =
  'there is no "node" engine any more: write openssl, which takes its place, or auto';

/** What `tls: true` means. */
const BACKEND_TLS_DEFAULTS: BackendTlsConfig = {
  ...{ ca: undefined, name: undefined, cert: undefined, key: undefined },
  passphraseFile: undefined,
  verify: true,
};

/** What a server is that is only an address. */
export const SERVER_DEFAULTS: Omit<ServerConfig, "address"> = {
  weight: 1,
  backup: false,
  maxConnections: 0,
  drain: false,
  checked: true,
};

/**
 * The shape of the YAML file: the one source for reading it, for its defaults, for the error of each
 * wrong value and for the JSON Schema that editors use. Objects are strict: an unknown key is an
 * error.
 */

/** The directory of Let's Encrypt. */
const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

function unknownEngine({ input }: { readonly input?: unknown }): string | undefined {
  return input === "node" ? NODE_ENGINE_GONE : undefined;
}

/** Without quotes YAML makes a number of it. */
const tlsVersion = z.union([
  z.enum(["1.2", "1.3"]),
  z.literal([1.2, 1.3]).transform((version) => version === 1.3 ? "1.3" : "1.2"),
]);

const proxyProtocol = z.strictObject({
  from: z.array(cidr).min(1).meta({
    description: "Proxies in front: each of their connections has to begin with the header",
  }),
}).meta({
  description: "The PROXY protocol (v1 and v2) ahead of all else, which tells the client's address",
});

const TLS_ONLY = ["mode", "engine", "http2", "alpn", "tls"] as const;

const cipher = z.string().refine((name) => cipherSuite(name) !== undefined, {
  error: ({ input }) => {
    const meant = nearest(String(input), CIPHER_SUITES.map(({ name }) => name));
    return `"${input}" is no cipher suite that is offered; ` +
      (meant === undefined ? "write one such as TLS_AES_128_GCM_SHA256" : `did you mean ${meant}?`);
  },
}).meta({ examples: ["TLS_AES_128_GCM_SHA256"] });

const group = z.string().refine((name) => GROUP_NAMES.includes(name), {
  error: ({ input }) => `"${input}" is none of the groups ${GROUP_NAMES.join(", ")}`,
}).meta({ examples: ["x25519"] });

const alpnName = z.string().regex(/^[\x21-\x7e]{1,255}$/, {
  error: "a protocol is 1 to 255 printable characters, such as postgresql",
}).meta({ examples: ["postgresql"] });

const tls = z.strictObject({
  min_version: tlsVersion.default("1.2").meta({
    description: "The oldest version of TLS; who cannot do it gets the alert protocol_version",
  }),
  strict_sni: z.boolean().default(false).meta({
    description:
      "Refuse a name that no certificate covers, by the alert unrecognized_name, instead of giving the default; who asks for none is served",
  }),
  ciphers: z.array(cipher).optional().meta({
    description:
      "Cipher suites, best first, of TLS 1.2 and 1.3 alike; a version of which there is none is not spoken; by default all with forward secrecy and authenticated encryption, ChaCha20 first for a client that has it first",
  }),
  groups: z.array(group).optional().meta({
    description:
      "Groups of the key exchange; by default x25519, secp256r1, secp384r1, and x25519mlkem768 where the library has it",
  }),
  session_tickets: z.boolean().default(true).meta({
    description:
      "Resume sessions by tickets; their keys are the same in all workers, and new every 12 h",
  }),
}).transform(({ min_version, strict_sni, ciphers, groups, session_tickets }): TlsConfig => ({
  minVersion: min_version,
  strictSni: strict_sni,
  ciphers,
  groups,
  sessionTickets: session_tickets,
}));

/** What is asked of TLS when nobody says otherwise. */
export const TLS_DEFAULTS: TlsConfig = tls.parse({});

const listener = z.strictObject({
  listen: address("Where to listen: host:port or [v6]:port"),
  mode: z.enum(["http", "tcp"]).optional().meta({
    description: "HTTP requests, or opaque bytes",
    default: "http",
  }),
  engine: z.enum(["auto", "openssl", "deno"], { error: unknownEngine }).optional().meta({
    description: "What does the TLS; auto takes the best that this machine has",
    default: "auto",
  }),
  http2: z.boolean().optional().meta({
    description: "Offer HTTP/2 to clients, by ALPN; false speaks HTTP/1.1 alone",
    default: true,
  }),
  alpn: z.array(alpnName).optional().meta({
    description: "In tcp mode the protocols offered, best first; in http mode they are HTTP's own",
  }),
  tls: z.union([z.literal(false), tls]).optional().meta({
    description: "Details of TLS; false for plain HTTP by the same routes",
  }),
  redirect: z.literal("https").optional().meta({
    description: "Plain HTTP that answers 308 to the same URL with https; no TLS beside it",
  }),
  except: z.array(pathPrefix).min(1).optional().meta({
    description: "Beside redirect: paths that go by the routes instead",
    examples: [["/.well-known/"]],
  }),
  proxy_protocol: proxyProtocol.optional(),
}).transform((parsed, context): ListenerConfig => {
  const {
    listen,
    redirect,
    mode,
    engine,
    http2,
    alpn,
    tls,
    except,
    proxy_protocol: proxyProtocol,
  } = parsed;
  if (redirect === undefined && except !== undefined) {
    const message = '"except" is for a listener that redirects';
    context.addIssue({ code: "custom", path: ["except"], message });
  }
  if (redirect === undefined && tls === false) {
    for (const [key, value] of Object.entries({ mode, engine, alpn })) {
      if (value === undefined || value === "http") continue;
      const message = `"${key}" means nothing for a listener of plain HTTP`;
      context.addIssue({ code: "custom", path: [key], message });
    }
    return { kind: "plain", listen, proxyProtocol };
  }
  if (redirect === undefined) {
    if (mode === "tcp" && http2 !== undefined) {
      const message = `"http2" means nothing in tcp mode`;
      context.addIssue({ code: "custom", path: ["http2"], message });
    }
    if (alpn !== undefined && mode !== "tcp") {
      const message = '"alpn" is for tcp mode: in http mode it is what HTTP asks for';
      context.addIssue({ code: "custom", path: ["alpn"], message });
    }
    return {
      kind: "tls",
      listen,
      mode: mode ?? "http",
      engine: engine ?? "auto",
      http2: http2 ?? true,
      alpn: alpn ?? [],
      tls: tls || TLS_DEFAULTS,
      proxyProtocol,
    };
  }
  const given = { mode, engine, http2, alpn, tls };
  for (const key of TLS_ONLY.filter((key) => given[key] !== undefined)) {
    const message = `"${key}" means nothing for a listener that redirects`;
    context.addIssue({ code: "custom", path: [key], message });
  }
  return { kind: "redirect", listen, except: except ?? [], proxyProtocol };
});

const fileCertificate = z.strictObject({
  cert: z.string().min(1).meta({ description: "PEM file of the chain, leaf first" }),
  key: z.string().min(1).meta({
    description:
      "PEM file of the private key: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519",
  }),
  passphrase_file: z.string().min(1).optional().meta({
    description: "File that holds the passphrase of an encrypted key",
  }),
  hosts: z.array(hostPattern).min(1, {
    error: '"hosts" must not be empty: leave it out for the names in the certificate',
  }).optional().meta({
    description: "Names it is given for; by default those in the certificate",
  }),
  default: z.boolean().default(false).meta({
    description: "Given where no other covers the name, and where no name is sent",
  }),
}).transform(({ cert, key, passphrase_file, hosts, default: byDefault }): CertificateConfig => ({
  cert,
  key,
  passphraseFile: passphrase_file,
  hosts,
  default: byDefault,
}));

const acmeName = text("A host name", "www.example.com", (value) => {
  const name = normalizeHostPattern(value);
  if (name === undefined) throw new Error(`"${value}" is not a host name`);
  if (name.startsWith("*.")) {
    throw new Error(
      `"${value}" would need DNS-01, which is not offered: name the hosts one by one`,
    );
  }
  if (ipAddress(value) !== undefined) throw new Error(`"${value}" is an address, not a host name`);
  return name;
});

const acmeCertificate = z.strictObject({
  acme: z.array(acmeName).min(1).max(100).meta({
    description: "Names of a certificate that the proxy gets, renews and keeps by itself",
  }),
  default: z.boolean().default(false).meta({
    description: "Given where no other covers the name, and where no name is sent",
  }),
}).transform(({ acme, default: byDefault }): CertificateConfig => ({
  ...{ acme, cert: "", key: "", passphraseFile: undefined },
  hosts: acme,
  default: byDefault,
}));

const certificate = z.union([fileCertificate, acmeCertificate]);

const acme = z.strictObject({
  directory: z.url({ protocol: /^https$/, error: "not the https URL of a directory" }).default(
    LETS_ENCRYPT,
  ).meta({ description: "The CA's directory; by default that of Let's Encrypt" }),
  email: z.email({ error: "not an address of mail" }).optional().meta({
    description: "Where the CA writes to",
  }),
  accept_terms: z.literal(true, { error: '"accept_terms" must be true: the CA asks for it' }).meta({
    description: "That the CA's terms of service are agreed to",
  }),
  challenge: z.enum(["auto", "http-01", "tls-alpn-01"]).default("auto").meta({
    description: "How the CA is shown that a name is ours; auto takes what the listeners allow",
  }),
  store: z.string().min(1).default("acme").meta({
    description: "Folder of the account and of the certificates, for its owner alone",
  }),
  key_type: z.enum(["ecdsa", "rsa"]).default("ecdsa").meta({ description: "Of new certificates" }),
  renew_before: plainDuration("Before the end; by default a third of the life").optional(),
  ca_file: z.string().min(1).optional().meta({
    description:
      "PEM file of the CA that the directory's own certificate is from, for private ones",
  }),
  eab: z.strictObject({
    kid: z.string().min(1).meta({ description: "What the CA calls the account outside of ACME" }),
    hmac_file: z.string().min(1).meta({ description: "File that holds its key, as base64url" }),
  }).optional().meta({ description: "External account binding, for CAs that ask for it" }),
}).transform(({ key_type, renew_before, ca_file, eab, accept_terms: _, ...rest }): AcmeConfig => ({
  ...rest,
  keyType: key_type,
  renewBefore: renew_before,
  caFile: ca_file,
  email: rest.email,
  eab: eab && { kid: eab.kid, hmacFile: eab.hmac_file },
}));

const cluster = z.strictObject({
  redis: text("host:port of a Redis or Valkey", "127.0.0.1:6379", parseAddress),
  tls: z.boolean().default(false).meta({ description: "Whether it is spoken to by TLS" }),
  ca_file: z.string().min(1).optional().meta({
    description: "PEM file of the CA of its certificate, for private ones",
  }),
  password_file: z.string().min(1).optional().meta({ description: "File that holds its password" }),
  prefix: z.string().min(1).max(100).default("tls-proxy:").meta({
    description: "In front of every key: replicas of one proxy have the same",
  }),
}).transform(({ ca_file, password_file, ...rest }): ClusterConfig => ({
  ...rest,
  caFile: ca_file,
  passwordFile: password_file,
}));

const clientAuth = z.strictObject({
  hosts: z.array(hostPattern).default([]).meta({
    description: "The names under which it is asked; none for all that no other entry names",
  }),
  ca: z.string().min(1).meta({ description: "PEM file of the authorities that are believed" }),
  mode: z.enum(["require", "optional"]).default("require").meta({
    description: "Whether a client without a certificate is refused",
  }),
  crl: z.string().min(1).optional().meta({ description: "PEM file of what they have revoked" }),
}).transform(({ crl, ...rest }): ClientAuthConfig => ({ ...rest, crl }));

const backendTls = z.union([
  z.boolean().transform((on): BackendTlsConfig | undefined =>
    on ? BACKEND_TLS_DEFAULTS : undefined
  ),
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
  }).transform(({ passphrase_file, ca, name, cert, key, verify }): BackendTlsConfig => ({
    ...{ ca, name, cert, key, passphraseFile: passphrase_file, verify },
  })),
]);

const serverAddress = text(
  "host:port, unix:/path, or dns:name:port for every address of the name",
  "127.0.0.1:8001",
  parseServerAddress,
);

const server = z.union([
  serverAddress.transform((address): ServerConfig => ({ address, ...SERVER_DEFAULTS })),
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
  }).transform(({ max_connections, health, ...rest }): ServerConfig => ({
    ...rest,
    maxConnections: max_connections,
    checked: health === undefined,
  })),
]);

const statusRanges = text(
  "Status ranges",
  "200-399",
  (value) =>
    value.split(",").map((range): readonly [number, number] => {
      const match = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(range);
      const low = Number(match?.[1]);
      const high = Number(match?.[2] ?? match?.[1]);
      if (match === null || low > high) throw new Error(`"${value}" is not a range like 200-399`);
      return [low, high];
    }),
).prefault("200-399");

const health = z.strictObject({
  type: z.enum(["http", "tcp", "grpc", "none"]).default("tcp").meta({
    description: "A request, only a connection, or grpc.health.v1, which takes protocol: h2",
  }),
  service: z.string().max(200).default("").meta({
    description: "What a grpc check asks for; nothing asks for the server as a whole",
  }),
  method: z.enum(["GET", "HEAD", "OPTIONS"]).default("GET"),
  path: z.string().regex(/^\/[\x21-\x7e]*$/, { error: "a path begins with / and has no spaces" })
    .default("/").meta({ description: "With a query, where there is one" }),
  host: z.string().regex(/^[\x21-\x7e]+$/, { error: "not a host" }).optional().meta({
    description: "The Host field; by default the server's address",
  }),
  expect: statusRanges,
  body: z.string().min(1).optional().meta({ description: "Text the answer's body has to contain" }),
  interval: duration("Between two checks", "5s"),
  fast_interval: duration("The same while a server is changing state", "1s"),
  timeout: duration("For one check", "2s"),
  rise: count("Successes that bring a server back", { least: 1, byDefault: 2 }),
  fall: count("Failures that take a server out", { least: 1, byDefault: 3 }),
}).transform(({ type, fast_interval, host, body, ...rest }): HealthConfig =>
  type === "none" ? { type } : {
    type,
    ...rest,
    host,
    body,
    fastInterval: Math.min(fast_interval, rest.interval),
  }
);

const ejection = z.strictObject({
  failures: count("Failed requests in a row that take a server out; 0 never does", {
    least: 0,
    byDefault: 5,
  }),
  time: duration("For how long; each time that follows lasts as much longer", "10s"),
  max_time: duration("At the most", "5m"),
  min_healthy: z.int().min(0).max(100).default(50).meta({
    description: "Per cent of the servers that stay in any case",
  }),
}).transform(({ max_time, min_healthy, ...rest }): EjectionConfig => ({
  ...rest,
  maxTime: max_time,
  minHealthy: min_healthy,
}));

const nameServer = text("IP address and port of a name server", "127.0.0.1:8600", (value) => {
  const parsed = parseAddress(value);
  if (isIP(parsed.host) === 0) throw new Error(`"${value}" is not the IP address of a name server`);
  return parsed;
});

const dns = z.strictObject({
  interval: duration("Between two looks", "10s"),
  timeout: duration("For one look", "5s"),
  server: nameServer.optional(),
  networks: z.array(cidr).default([]).meta({
    description: "Ranges that the addresses found have to lie in; none for any",
  }),
}).transform(({ server, ...rest }): DnsConfig => ({ ...rest, server }));

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

const backend = z.strictObject({
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
  timeouts: z.strictObject({
    connect: duration("For connecting to a server", "5s"),
    response: duration("From a request's end to its answer's head", "60s"),
    idle: plainDuration("Without progress of an answer's body; by default timeouts.body_idle")
      .optional(),
  }).transform(({ connect, response, idle }) => ({ connect, response, idle })).prefault({}),
  limits: z.strictObject({
    header_bytes: plainSize("Of an answer's head; by default limits.header_bytes").optional(),
    headers: z.int().min(1).max(1_000_000_000).optional().meta({
      description: "Fields of an answer's head; by default limits.headers",
    }),
  }).transform(({ header_bytes, headers }) => ({ headerBytes: header_bytes, headers }))
    .prefault({}),
  pool: z.strictObject({
    max_idle: count("Idle connections kept for each server, once a burst is over", {
      least: 0,
      byDefault: 64,
    }),
    idle_timeout: duration("How long one is kept", "60s"),
  }).prefault({}),
}).transform(({ pool, slow_start, when_down, proxy_protocol, ...rest }): BackendConfig => ({
  ...rest,
  sticky: rest.sticky,
  tls: rest.tls,
  slowStart: slow_start,
  whenDown: when_down,
  proxyProtocol: proxy_protocol,
  pool: { maxIdle: pool.max_idle, idleTimeout: pool.idle_timeout },
}));

const timeouts = z.strictObject({
  handshake: duration("For a TLS handshake", "10s"),
  header: duration("For a request's head, from its first byte", "30s"),
  body_idle: duration("Without progress of a body", "60s"),
  keep_alive: duration("Without a request", "75s"),
  tunnel_idle: duration("Without a byte either way, in tcp mode and behind an Upgrade", "10m"),
  drain: duration("For what is running when the proxy stops", "30s"),
}).transform(({ body_idle, keep_alive, tunnel_idle, ...rest }): TimeoutsConfig => ({
  ...rest,
  bodyIdle: body_idle,
  keepAlive: keep_alive,
  tunnelIdle: tunnel_idle,
}));

const limits = z.strictObject({
  connections: count("Connections of a listener at once; 0 is no limit", {
    least: 0,
    byDefault: 10_000,
  }),
  connections_per_ip: count("Connections of one address to a listener at once; 0 is no limit", {
    least: 0,
    byDefault: 0,
  }),
  header_bytes: size("Of a head", "16KiB"),
  headers: count("Fields of a head", { least: 1, byDefault: 100 }),
  streams: count("Requests at a time on one connection of HTTP/2", { least: 1, byDefault: 100 }),
  body: size("Of a request's body; 0 is no limit", 0),
  body_rate: count(
    "Bytes a second that a request's body has to come with, averaged over body_idle; 0 asks for none",
    { least: 0, byDefault: 240 },
  ),
}).transform(({ connections_per_ip, header_bytes, body_rate, ...rest }): LimitsConfig => ({
  ...rest,
  connectionsPerIp: connections_per_ip,
  headerBytes: header_bytes,
  bodyRate: body_rate,
}));

const logLevel = z.enum(["debug", "info", "warning", "error"]);

const log = z.strictObject({
  level: logLevel.default("info"),
  levels: z.strictObject({
    access: logLevel.optional().meta({ description: "Requests and ends of connections" }),
    tls: logLevel.optional().meta({ description: "Handshakes and certificates" }),
    server: logLevel.optional().meta({ description: "Servers that fail" }),
    proxy: logLevel.optional().meta({ description: "The proxy itself: reloads, listeners" }),
  }).prefault({}).meta({ description: "By category, where it is not that of all" }),
  format: z.enum(["text", "json"]).default("text").meta({ description: "How a line looks" }),
  access: z.boolean().default(true).meta({ description: "Requests and connections" }),
  tls: z.boolean().default(true).meta({ description: "Protocol, cipher and SNI" }),
  sample: z.number().min(0).max(1).default(1).meta({
    description: "Share of everyday lines that is kept; warnings always are",
    examples: [0.01],
  }),
  file: z.string().min(1).optional().meta({
    description: "Append to this file, opened anew by SIGHUP, instead of standard output",
  }),
}).transform(({ levels: { access, tls, server, proxy }, file, ...rest }): LogConfig => ({
  ...rest,
  levels: { access, tls, server, proxy },
  file,
}));

const admin = z.strictObject({
  listen: address("Where to listen").prefault("127.0.0.1:9900"),
  token_file: z.string().min(1).optional().meta({
    description: "File that holds the token to show; needed beyond the loopback interface",
  }),
  hosts: z.array(hostOrAddress).default([]).meta({
    description: "Names it is reached by, beside localhost and IP addresses",
  }),
}).transform(({ listen, token_file, hosts }): AdminConfig => ({
  listen,
  tokenFile: token_file,
  hosts,
}));

const test = z.strictObject({
  sni: hostOrAddress.optional().meta({ description: "Of the handshake; by default the host" }),
  host: hostOrAddress.optional().meta({ description: "Of the request; by default the sni" }),
  path: z.string().startsWith("/").default("/").meta({ description: "Of the request" }),
  expect: z.strictObject({
    backend: z.string().optional().meta({ description: "Name of the backend" }),
    certificate: z.string().optional().meta({
      description: "Path of the certificate's file, or a name that is in it",
    }),
    status: z.int().min(100).max(599).optional().meta({
      description: "Status that the proxy answers by itself, such as 404 or 421",
    }),
    redirect: z.string().optional().meta({ description: "URL that a redirect leads to" }),
    header: z.record(z.string(), z.string()).optional().meta({
      description: "Header fields that the route puts into answers, as the file has them",
    }),
  }).refine((expect) => Object.values(expect).some((value) => value !== undefined), {
    error: "expects nothing; say backend, certificate, status, redirect or header",
  }),
}).transform(({ sni, host, path, expect }): TestConfig => ({
  sni,
  host,
  path,
  expect: {
    backend: expect.backend,
    certificate: expect.certificate,
    status: expect.status,
    redirect: expect.redirect,
    header: expect.header,
  },
}));

/** The file as a whole. */
export const YAML_SCHEMA = z.strictObject({
  listeners: z.array(listener).min(1),
  certificates: z.array(certificate).default([]),
  client_auth: z.array(clientAuth).default([]).meta({ description: "Certificates of clients" }),
  backends: z.record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/), backend).default({}),
  routes: z.array(route).default([]),
  error_pages: z.record(
    z.string().regex(/^[45]\d\d$/, { error: "not a status of an error" }),
    z.string().min(1),
  ).default({}).meta({
    description:
      "HTML files for the proxy's own errors, by status; clients that prefer JSON get JSON all the same",
  }),
  forwarded: z.strictObject({
    trusted: z.array(cidr).default([]).meta({
      description: "Proxies in front of this one, which are believed what they say of clients",
    }),
    standard: z.boolean().default(false).meta({ description: "Write Forwarded (RFC 7239) too" }),
    via: z.boolean().default(false).meta({ description: "Write Via, both ways" }),
  }).prefault({}),
  timeouts: timeouts.prefault({}),
  limits: limits.prefault({}),
  workers: z.union([z.literal("auto"), z.int().min(1).max(256)]).default("auto").meta({
    description: "Threads that serve; auto is one for each core",
  }),
  log: log.prefault({}),
  watch: z.strictObject({
    config: z.boolean().default(false).meta({ description: "The configuration file" }),
    certificates: z.boolean().default(true).meta({
      description: "Certificates, keys and passphrases",
    }),
  }).prefault({}).meta({ description: "Which files are reloaded by themselves when they change" }),
  acme: acme.optional().meta({
    description: "How certificates with `acme` are got from a CA (RFC 8555)",
  }),
  cluster: cluster.optional().meta({
    description:
      "What replicas share, in Redis or Valkey: certificates, challenges, ticket keys, rates",
  }),
  admin: admin.optional().meta({ description: "Page, metrics and state; off where it is absent" }),
  tests: z.array(test).default([]).meta({
    description: "Questions that check and every reload ask, with the answers they must get",
  }),
});
