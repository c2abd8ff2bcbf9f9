import * as z from "zod";
import { backend } from "./backend_schema.ts";
import { camelKeys } from "./camel_keys.ts";
import { acme, certificate, clientAuth, cluster } from "./certificate_schema.ts";
import { listener } from "./listener_schema.ts";
import { route } from "./route_schema.ts";
import {
  address,
  cidr,
  count,
  duration,
  handshakeName,
  headSize,
  hostOrAddress,
  size,
  wait,
} from "./schema_parts.ts";

/**
 * The shape of the YAML file: the one source for reading it, for its defaults, for the error of each
 * wrong value and for the JSON Schema that editors use. Objects are strict: an unknown key is an
 * error.
 */

const timeouts = camelKeys(z.strictObject({
  handshake: wait("For a TLS handshake", "10s"),
  header: wait("For a request's head, from its first byte", "30s"),
  body_idle: wait("Without progress of a body", "60s"),
  keep_alive: duration("Without a request", "75s"),
  tunnel_idle: wait("Without a byte either way, in tcp mode and behind an Upgrade", "10m"),
  drain: duration("For what is running when the proxy stops", "30s"),
}));

const limits = camelKeys(z.strictObject({
  connections: count("Connections of a listener at once; 0 is no limit", {
    least: 0,
    byDefault: 10_000,
  }),
  connections_per_ip: count(
    "Connections of one address (a /64 for IPv6) to a listener at once; 0 is no limit",
    { least: 0, byDefault: 0 },
  ),
  header_bytes: headSize("Of a head").prefault("16KiB"),
  headers: count("Fields of a head", { least: 1, byDefault: 100 }),
  streams: count("Requests at a time on one connection of HTTP/2", { least: 1, byDefault: 100 }),
  body: size("Of a request's body; 0 is no limit", 0),
  body_rate: count(
    "Bytes a second that a request's body has to come with, averaged over body_idle; 0 asks for none",
    { least: 0, byDefault: 240 },
  ),
}));

const logLevel = z.enum(["debug", "info", "warning", "error"]);

const log = camelKeys(z.strictObject({
  level: logLevel.default("info"),
  levels: camelKeys(z.strictObject({
    access: logLevel.optional().meta({ description: "Requests and ends of connections" }),
    tls: logLevel.optional().meta({ description: "Handshakes and certificates" }),
    server: logLevel.optional().meta({ description: "Servers that fail" }),
    proxy: logLevel.optional().meta({ description: "The proxy itself: reloads, listeners" }),
  })).prefault({}).meta({ description: "By category, where it is not that of all" }),
  format: z.enum(["text", "json"]).default("text").meta({ description: "How a line looks" }),
  access: z.boolean().default(true).meta({
    description:
      "Handshakes, requests and ends of connections; false keeps the warnings among them",
  }),
  tls: z.boolean().default(true).meta({
    description: "Handshakes: protocol, cipher and SNI; false keeps those that failed",
  }),
  sample: z.number().min(0).max(1).default(1).meta({
    description: "Share of everyday lines that is kept; warnings always are",
    examples: [0.01],
  }),
  file: z.string().min(1).optional().meta({
    description: "Append to this file, opened anew by SIGHUP, instead of standard output",
  }),
}));

const admin = camelKeys(z.strictObject({
  listen: address("Where to listen").prefault("127.0.0.1:9900"),
  token_file: z.string().min(1).optional().meta({
    description: "File that holds the token to show; needed beyond the loopback interface",
  }),
  hosts: z.array(hostOrAddress).default([]).meta({
    description: "Names it is reached by, beside localhost and IP addresses",
  }),
}));

const test = camelKeys(z.strictObject({
  sni: handshakeName.optional().meta({ description: "Of the handshake; by default the host" }),
  host: hostOrAddress.optional().meta({ description: "Of the request; by default the sni" }),
  path: z.string().startsWith("/").default("/").meta({ description: "Of the request" }),
  expect: camelKeys(
    z.strictObject({
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
  ),
}));

/** The file as a whole. */
export const YAML_SCHEMA = camelKeys(z.strictObject({
  listeners: z.array(listener).min(1).meta({
    description: "Where clients come to: over TLS, by plain HTTP, or to be redirected",
  }),
  certificates: z.array(certificate).default([]).meta({
    description: "Each is files, by cert and key, or names that a CA gives it for, by acme",
  }),
  client_auth: z.array(clientAuth).default([]).meta({ description: "Certificates of clients" }),
  backends: z.record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/), backend).default({}).meta({
    description: "What routes forward to, by a name of at most 64 letters, digits, _, . and -",
  }),
  routes: z.array(route).default([]).meta({
    description: "What becomes of requests, and of connections in tcp mode: the first that matches",
  }),
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
      description:
        "Certificates, keys, passphrases, authorities and revocation lists; passwords, and what is answered from files",
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
}));
