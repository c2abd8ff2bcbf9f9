import * as z from "zod";
import { type FieldRules, isHost, isUntouchable } from "../http/field_rules.ts";
import { HOST, TOKEN } from "../http/grammar.ts";
import { parseRate } from "../http/rate.ts";
import { isConstant, names, parseTemplate, VARIABLES } from "../http/template.ts";
import { anyText, cidr, hostPattern, notAPath, plainSize, text } from "./schema_parts.ts";

/** What routes are in the file: see `yaml_schema`. */

export const pathPrefix = z.string().regex(/^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/, {
  error: ({ input }) => notAPath(String(input), "a path begins with / and has no ?, # or space"),
  abort: true,
}).refine((path) => !path.includes("*"), {
  error: ({ input }) => {
    const prefix = String(input).replace(/\*.*$/, "");
    return `"${input}" holds a *, but a path is a prefix and covers all below it: write "${prefix}"`;
  },
}).meta({
  description:
    "On segment borders: /v1, or /v1/, is for /v1, /v1/x and /v1?q, not for /v10; compared as sent",
  examples: ["/v1"],
});

const method = z.string().regex(TOKEN, { error: "not a method, such as GET", abort: true }).refine(
  (method) => method === method.toUpperCase(),
  { error: "methods are written in capitals" },
).refine((method) => method !== "*", {
  error: '"*" is no method that a request has; leave methods out for every method',
});

const fieldName = z.string().regex(TOKEN, { error: "not the name of a header field" });

const fieldValue = anyText(
  `The value; ${VARIABLES.map((name) => `{${name}}`).join(", ")} stand for what a request has`,
  "{client}",
  (value) => {
    if (/[^\t\x20-\x7e]/.test(value)) {
      throw new Error(
        "a header holds visible ASCII and spaces only",
      );
    }
    parseTemplate(value);
    return value;
  },
);

const NOT_TOUCHABLE =
  "this header is the proxy's own business: it says where requests come from, or ends them";

/** Names that nobody but the proxy may touch are an error. */
const touchable = fieldName.refine((name) => !isUntouchable(name), {
  error: ({ input }) =>
    isHost(String(input))
      ? "a request has exactly one: request_headers can set it, and nothing else"
      : NOT_TOUCHABLE,
});

const fields = z.record(touchable, fieldValue);

const SET = "Put in, in the place of all of the same name";

const fieldRules = z.strictObject({
  set: fields.default({}).meta({ description: SET }),
  add: fields.default({}).meta({ description: "Put in beside what is there" }),
  remove: z.array(touchable).default([]).meta({ description: "Names that do not go on" }),
});

/** Of a request `Host` can be another, but there is exactly one. */
const hostedName = fieldName.refine((name) => isHost(name) || !isUntouchable(name), {
  error: NOT_TOUCHABLE,
});

const requestRules = fieldRules.extend({
  set: z.record(hostedName, fieldValue).superRefine((set, context) => {
    const hosts = Object.keys(set).filter(isHost);
    for (const [index, name] of hosts.entries()) {
      const fail = (message: string) => context.addIssue({ code: "custom", path: [name], message });
      const template = parseTemplate(set[name] ?? "");
      const [text = ""] = template.parts;
      if (index > 0) fail("a request has exactly one Host, and here are two");
      else if (isConstant(template) && !HOST.test(text.trim())) {
        fail(`"${text}" is not a host; write a name or an address, maybe with a port`);
      }
    }
  }).default({}).meta({ description: `${SET}; Host can be set, and nothing else be done with it` }),
});

const redirect = z.strictObject({
  to: text("Where to, with variables; the query is kept", "https://example.com{path}", (value) => {
    const template = parseTemplate(value);
    const start = template.parts[0] ?? "";
    const [, noHost] = /^https?:\/\/(\{(?!host\})[^{}]*\})/.exec(value) ?? [];
    // without a host browsers would take one from the path (https://url.spec.whatwg.org)
    if (noHost !== undefined) {
      throw new Error(`${noHost} is not always a host: a URL begins with a name, or with {host}`);
    }
    const leads = /^https?:\/\/[^/?#:]/.test(value) || start.startsWith("/") ||
      (start === "" && names(template, "path") && value.startsWith("{path}"));
    if (!leads || start.startsWith("//")) {
      throw new Error("a redirect leads to a URL, such as https://example.com{path}, or a path");
    }
    if (/[^\x21-\x7e]/.test(value)) throw new Error("a URL holds no blanks and no such characters");
    const [, foreign] = /^https?:\/\/[^/?#$]*(\$\w*)/.exec(value) ?? [];
    if (foreign !== undefined) {
      throw new Error(
        `"${foreign}" is no variable here, and no part of a host; write {path} or {host}`,
      );
    }
    return value;
  }),
  status: z.union([
    ...[z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)] as const,
  ]).default(308).meta({ description: "308 keeps method and body, for good" }),
});

const respond = z.strictObject({
  status: z.int().min(200).max(599).default(200).meta({ description: "Of the answer" }),
  type: z.string().regex(/^[\x20-\x7e]+$/, { error: "not a media type" }).default(
    "text/plain; charset=utf-8",
  ).meta({ description: "Content-Type" }),
  body: z.string().optional().meta({ description: "The body, as UTF-8" }),
  file: z.string().min(1).optional().meta({
    description: "File of at most 1 MiB that is the body; looked at for changes",
  }),
}).refine(({ body, file }) => body === undefined || file === undefined, {
  error: "a body or a file, not both",
}).refine(({ status, body = "", file }) => !WITHOUT_BODY.has(status) || (body === "" && !file), {
  error: "an answer of status 204, 205 or 304 has no body",
  path: ["status"],
});

/** Whatever were sent with these would be taken for the next answer (RFC 9110, section 15). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

const rateLimit = z.strictObject({
  requests: text("On the average: 100/s, 5/m, 1000/h or 10000/d", "100/s", (value) => {
    const interval = parseRate(value);
    if (interval === undefined) throw new Error(`"${value}" is not a rate; write 100/s or 5/m`);
    return interval;
  }),
  burst: z.int().min(1).max(1_000_000).default(1).meta({
    description: "How many may come at once after a rest",
  }),
});

const ACTIONS = ["backend", "redirect", "respond"] as const;

export const route = z.strictObject({
  hosts: z.array(hostPattern).min(1, {
    error: '"hosts" must not be empty: leave it out for every host',
  }).default([]).meta({
    description:
      "What a request's Host, or in tcp mode the SNI, must be; *. stands for one label; none matches every host",
  }),
  paths: z.array(pathPrefix).min(1, {
    error: '"paths" must not be empty: leave it out for every path',
  }).optional().meta({
    description: "Prefixes of the path; none matches every path",
  }),
  methods: z.array(method).min(1).optional().meta({
    description: "Methods of requests, GET for HEAD too; every method where it is left out",
    examples: [["GET", "POST"]],
  }),
  headers: z.record(fieldName, z.string().min(1)).superRefine((headers, context) => {
    const met = new Set<string>();
    for (const name of Object.keys(headers)) {
      const key = name.toLowerCase();
      const message = "this name is there already, and each can have one value";
      if (met.has(key)) context.addIssue({ code: "custom", path: [name], message });
      met.add(key);
    }
  }).optional().meta({
    description:
      "Values that header fields must have; * for any; of Cookie one pair, as name=value or name=*",
  }),
  backend: z.string().optional().meta({
    description: "Name of a backend; the first route that matches has the request",
  }),
  passthrough: z.boolean().default(false).meta({
    description: "TLS stays the server's: what asks for these names (SNI) goes there as it comes",
  }),
  redirect: redirect.optional().meta({ description: "Sends clients elsewhere" }),
  respond: respond.optional().meta({ description: "Answers by itself" }),
  strip_prefix: pathPrefix.optional().meta({
    description:
      "Taken off the path for the backend, on segment borders, and told as X-Forwarded-Prefix; Location and the paths of cookies stay as they are",
  }),
  request_headers: requestRules.optional().meta({ description: "Header fields of requests" }),
  response_headers: fieldRules.optional().meta({
    description: "Header fields of answers, of the proxy's own too",
  }),
  allow: z.array(cidr).min(1).optional().meta({
    description: "Addresses of clients that may; 403 for all others",
  }),
  deny: z.array(cidr).min(1).optional().meta({
    description: "Addresses of clients that may not: 403",
  }),
  rate_limit: rateLimit.optional().meta({
    description: "How often one client (a /64 for IPv6) may ask; 429 beyond that",
  }),
  basic_auth: z.strictObject({
    file: z.string().min(1).meta({ description: "Users and bcrypt hashes, as htpasswd -B writes" }),
    realm: z.string().regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/, {
      error: "a realm is visible ASCII without quotes",
    }).default("restricted").meta({ description: "What browsers show" }),
  }).optional().meta({ description: "Asks for a user and a password; 401 without" }),
  limits: z.strictObject({
    body: plainSize("Of a request's body; 0 is no limit").optional(),
  }).optional().meta({ description: "In the place of the limits of all" }),
  compress: z.boolean().default(false).meta({
    description:
      "Compresses answers (zstd, gzip, br) of text and the like from 1 KiB on, for clients that take it; not for what shows secrets beside a client's own words (BREACH)",
  }),
}).superRefine((route, context) => {
  const said = ACTIONS.filter((key) => route[key] !== undefined);
  if (said.length === 0) {
    const message = '"backend" is missing; a route has a backend, a redirect or respond';
    context.addIssue({ code: "custom", path: [], message });
  }
  for (const key of said.slice(1)) {
    const message = `a route that has "${said[0]}" cannot have "${key}" too`;
    context.addIssue({ code: "custom", path: [key], message });
  }
  if (route.redirect !== undefined && route.hosts.length === 0) {
    const template = parseTemplate(route.redirect.to);
    if (!isConstant(template) && names(template, "host")) {
      const message = "{host} is whatever a client says: with it a route has to name its hosts";
      context.addIssue({ code: "custom", path: ["redirect", "to"], message });
    }
  }
}).transform((route) => ({
  hosts: route.hosts,
  paths: route.paths ?? [],
  conditions: {
    methods: route.methods ?? [],
    headers: Object.fromEntries(
      Object.entries(route.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    ),
  },
  backend: route.backend,
  passthrough: route.passthrough,
  redirect: route.redirect,
  respond: route.respond && {
    status: route.respond.status,
    type: route.respond.type,
    body: route.respond.body ?? "",
    file: route.respond.file,
  },
  stripPrefix: route.strip_prefix,
  requestHeaders: route.request_headers ?? NO_FIELD_RULES,
  responseHeaders: route.response_headers ?? NO_FIELD_RULES,
  allow: route.allow ?? [],
  deny: route.deny ?? [],
  rateLimit: route.rate_limit && {
    interval: route.rate_limit.requests,
    burst: route.rate_limit.burst,
  },
  basicAuth: route.basic_auth,
  limits: { body: route.limits?.body },
  compress: route.compress,
}));

const NO_FIELD_RULES: FieldRules = { set: {}, add: {}, remove: [] };
