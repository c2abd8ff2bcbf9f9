import assert from "node:assert/strict";
import fc from "fast-check";
import { startHttp } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { HEAD_PARSERS } from "./support/head_parsers.ts";
import { encodeAnswer, readAnswer } from "./support/http.ts";
import { Http2Client } from "./support/http2_client.ts";
import { headers, opening, type RawField, requestFields } from "./support/http2_frames.ts";
import { connectNodeTls } from "./support/tls_client.ts";

/**
 * Whatever rules and requests there are, a server reads of each head what was meant, and nothing
 * else. Rules and requests are drawn by chance; what a server is to get is worked out here, and what
 * it gets is read by parsers that are none of ours. What fails names its seed: `RULES_SEED` plays it
 * again.
 */

const SEED = Number(Deno.env.get("RULES_SEED") ?? Date.now() % 1_000_000_000);
const RULES = 30;
const REQUESTS = 250;

type Lines = readonly (readonly [name: string, value: string])[];

/** Text, and variables by their names. */
type Value = readonly (string | { readonly variable: string })[];

interface Rules {
  readonly set: readonly (readonly [name: string, value: Value])[];
  readonly add: readonly (readonly [name: string, value: Value])[];
  readonly remove: readonly string[];
  readonly host: Value | undefined;
  readonly strip: boolean;
  readonly sticky: boolean;
}

interface Request {
  readonly version: "HTTP/1.1" | "HTTP/2";
  readonly method: string;
  readonly rule: number;
  /** Behind the route's prefix. */
  readonly path: string;
  readonly authority: string;
  readonly id: string;
  readonly fields: Lines;
}

/** What may stand in a line, odd bytes among it. */
const fieldText = fc.string({ unit: characters("\t", [0x20, 0x7e], [0x80, 0xff]), maxLength: 20 });
const ruleText = fc.string({ unit: characters("\t", [0x20, 0x7e]), maxLength: 8 });
const targetText = fc.string({ unit: characters([0x21, 0x22], [0x24, 0x7e]), maxLength: 15 });
const token = fc.string({
  unit: characters("!", [0x23, 0x27], "*+-.^_`|~", [0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a]),
  minLength: 1,
  maxLength: 6,
}).map((name) => `X-${name}`);

/** Names that rules and requests have in common, in some spelling. */
const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "X-A",
      "x-a",
      "X-b",
      "X-B",
      "x_a",
      "X-Long-Name",
      "X-Long_Name",
      "x_Long_name",
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom("Cookie", "cookie", "User-Agent", "accept", "Via") },
  { weight: 1, arbitrary: token },
);

const VARIABLES = ["client", "host", "path", "sni", "id", "client_cert.subject"];
const variable = fc.constantFrom(...VARIABLES).map((variable) => ({ variable }));
const value: fc.Arbitrary<Value> = fc.array(fc.oneof(ruleText, variable), { maxLength: 4 });

const HOSTS: readonly Value[] = [
  ["up.test"],
  [" up.test:8443\t"],
  ["[2001:db8::1]:80"],
  [{ variable: "host" }],
  [{ variable: "host" }, ".internal:81"],
  [{ variable: "sni" }, ":"],
  [{ variable: "client" }],
  // which make no host, of some requests or of all
  ["x", { variable: "id" }],
  ["x", { variable: "path" }],
  [{ variable: "client_cert.subject" }],
];

const byName = ([name]: readonly [string, Value]) => name.toLowerCase();
const values = fc.uniqueArray(fc.tuple(name, value), { selector: byName, maxLength: 3 });

const rules: fc.Arbitrary<Rules> = fc.record({
  set: values,
  add: values,
  remove: fc.array(fc.oneof(name, fc.constant("X-Request-Id")), { maxLength: 3 }),
  host: fc.option(fc.constantFrom(...HOSTS), { nil: undefined }),
  strip: fc.boolean(),
  sticky: fc.boolean(),
});

const pair = fc.oneof(
  fieldText.map((text) => text.replaceAll(";", ",")),
  fc.tuple(fc.constantFrom("a", "lb", "LB", " lb ", "lb2", "xlb"), fieldText)
    .map(([name, value]) => `${name}=${value.replaceAll(";", "")}`),
);
const cookie = fc.tuple(fc.constantFrom("Cookie", "cookie"), fc.array(pair, { maxLength: 4 }))
  .map(([name, pairs]) => [name, pairs.join("; ")] as const);

const request: fc.Arbitrary<Request> = fc.record({
  version: fc.constantFrom("HTTP/1.1", "HTTP/2"),
  method: fc.constantFrom("GET", "DELETE", "OPTIONS"),
  rule: fc.nat(RULES - 1),
  path: targetText.map((text) => `/${text}`),
  authority: fc.constantFrom("localhost", "LocalHost:443", "a.test", "127.0.0.1:8", "[::1]:9"),
  id: fc.stringMatching(/^[A-Za-z0-9_.:@=+/-]{1,12}$/),
  fields: fc.array(fc.oneof(fc.tuple(name, fieldText), cookie), { maxLength: 6 }),
});

Deno.test("no rule and no request makes a head that others read otherwise", async () => {
  const drawn = fc.sample(rules, { seed: SEED, numRuns: RULES });
  const requests = fc.sample(request, { seed: SEED + 1, numRuns: REQUESTS });
  await using backend = await startHttp(() => encodeAnswer("seen"));
  await using proxy = await startConfigured({
    backends: {
      app: backend.address,
      stuck: { servers: [backend.address], sticky: {} },
    },
    settings: { routes: drawn.map(routeOf) },
  });

  const expected: Expected[] = [];
  for (const request of requests) {
    const wanted = expectedOf(request, drawn[request.rule] as Rules, proxy.port);
    if (wanted !== undefined) expected.push(wanted);
    const asked = `seed ${SEED}: ${JSON.stringify(request)}`;
    assert.equal(await statusOf(proxy.port, request), wanted === undefined ? 400 : 200, asked);
    assert.equal(backend.requests.length, expected.length, asked);
  }
  assert.ok(expected.length > REQUESTS / 2, "most rules make something of a request");
  assert.ok(expected.length < REQUESTS, "some make no host");

  const heads = backend.requests.map(({ head }) => head);
  for (const [parser, parse] of Object.entries(HEAD_PARSERS)) {
    for (const [index, parsed] of (await parse(heads)).entries()) {
      const { request, line, fields } = expected[index] as Expected;
      const why = `${parser}, seed ${SEED}: ${JSON.stringify(request)} of ` +
        JSON.stringify(drawn[request.rule]);
      assert.ok(parsed !== undefined, `refused: ${JSON.stringify(heads[index])}, ${why}`);
      assert.equal(`${parsed.method} ${parsed.target} ${parsed.version}`, line, why);
      assert.deepEqual(sorted(parsed.fields), sorted(fields), why);
    }
  }
});

/** A route as the file has it. */
function routeOf({ set, add, remove, host, strip, sticky }: Rules, index: number) {
  const text = (value: Value) =>
    value.map((part) =>
      typeof part === "string"
        ? part.replaceAll("{", "{{").replaceAll("}", "}}")
        : `{${part.variable}}`
    ).join("");
  const texts = (values: Rules["set"]) =>
    Object.fromEntries(values.map(([name, value]) => [name, text(value)]));
  return {
    paths: [`/r${index}`],
    backend: sticky ? "stuck" : "app",
    ...(strip ? { strip_prefix: `/r${index}` } : {}),
    request_headers: {
      set: { ...texts(set), ...(host === undefined ? {} : { Host: text(host) }) },
      add: texts(add),
      remove,
    },
  };
}

interface Expected {
  readonly request: Request;
  readonly line: string;
  readonly fields: Lines;
}

/** What a server is to get; undefined where a rule makes no host of the request. */
function expectedOf(request: Request, rules: Rules, port: number): Expected | undefined {
  const { method, authority, id } = request;
  const path = `/r${request.rule}${request.path}`;
  const host = authority.replace(/:\d+$/, "").toLowerCase();
  const variables: Record<string, string> = {
    ...{ client: "127.0.0.1", host, path: path.replace(/\?.*$/, ""), sni: "localhost", id },
    "client_cert.subject": "",
  };
  const render = (value: Value) =>
    value.map((part) => typeof part === "string" ? part : variables[part.variable] ?? "").join("")
      .replace(/^[\t ]+|[\t ]+$/g, "");
  const made = rules.host === undefined ? authority : render(rules.host).replace(/:$/, "");
  if (!/^(\[[0-9a-f:]+\]|[a-z0-9_][a-z0-9._-]*)(:\d{1,5})?$/i.test(made)) return undefined;

  const spelled = (name: string) => name.toLowerCase().replaceAll("_", "-");
  const gone = new Set([...rules.remove, ...rules.set.map(([name]) => name)].map(spelled));
  const own: Lines = [...sentFields(request), ["X-Request-Id", id]];
  const kept = own.filter(([name]) => !gone.has(spelled(name)))
    .flatMap(([name, value]): Lines => {
      if (!rules.sticky || name.toLowerCase() !== "cookie") return [[name, value]];
      return cookieWithout(own, value).map((rest) => [name, rest]);
    });
  const added = [...rules.set, ...rules.add].map(([name, value]) => [name, render(value)] as const);
  const stripped = request.path.replace(/^[/\\]{2,}/, "/");
  const prefix: Lines = rules.strip ? [["X-Forwarded-Prefix", `/r${request.rule}`]] : [];
  const forwarded: Lines = [
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-Proto", "https"],
    ["X-Forwarded-Host", authority],
    ["X-Forwarded-Port", String(port)],
  ];
  return {
    request,
    line: `${method} ${rules.strip ? stripped : path} HTTP/1.1`,
    fields: [["Host", made], ...kept, ...added, ...prefix, ...forwarded],
  };
}

/** The fields as they arrive: HTTP/2 has one cookie, and no blanks around values. */
function sentFields({ version, fields }: Request): Lines {
  const trimmed = fields.map(([name, value]) =>
    [name, value.replace(/^[\t ]+|[\t ]+$/g, "")] as const
  );
  const isCookie = ([name]: readonly [string, string]) => name.toLowerCase() === "cookie";
  const crumbs = trimmed.filter(isCookie);
  if (version === "HTTP/1.1" || crumbs.length < 2) return trimmed;
  const whole = crumbs.map(([, value]) => value).filter((value) => value !== "").join("; ");
  return [...trimmed.filter((line) => !isCookie(line)), ["cookie", whole]];
}

/** The line as it is where nothing is to be cut, and none where nothing is left. */
function cookieWithout(own: Lines, value: string): readonly string[] {
  const isOurs = (pair: string) => /^[\t ]*lb[\t ]*=/.test(pair);
  const lines = own.filter(([name]) => name.toLowerCase() === "cookie");
  if (!lines.some(([, line]) => line.split(";").some(isOurs))) return [value];
  const rest = value.split(";").filter((pair) => !isOurs(pair)).join(";")
    .replace(/^[\t ]+|[\t ]+$/g, "");
  return rest === "" ? [] : [rest];
}

/** By name, whatever its case; those of one name in their order. */
function sorted(fields: Lines): string[] {
  return fields.map(([name, value]) => ({ name: name.toLowerCase(), value }))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
    .map(({ name, value }) => `${name}: ${value}`);
}

async function statusOf(port: number, request: Request): Promise<number> {
  const { version, method, authority, id, fields } = request;
  const path = `/r${request.rule}${request.path}`;
  const ALPNProtocols = version === "HTTP/2" ? ["h2"] : ["http/1.1"];
  const { connection } = await connectNodeTls(port, { ALPNProtocols });
  if (version === "HTTP/2") {
    using client = new Http2Client(connection);
    await connection.write(opening());
    const pseudo = { ":method": method, ":path": path, ":authority": authority };
    const sent = fields.map(([name, value]): RawField => [
      name.toLowerCase(),
      value.replace(/^[\t ]+|[\t ]+$/g, ""),
    ]);
    await client.send(headers(1, requestFields(pseudo, [...sent, ["x-request-id", id]])));
    return (await client.answer(1)).status;
  }
  using client = connection;
  const lines = [...fields, ["X-Request-Id", id]].map(([name, value]) => `${name}: ${value}\r\n`);
  await client.write(
    `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${lines.join("")}\r\n`,
  );
  return (await readAnswer(client, { method })).status;
}

/** Each of these characters, and those from one code to another. */
function characters(...ranges: readonly (string | readonly [from: number, to: number])[]) {
  const all = ranges.flatMap((range) =>
    typeof range === "string" ? [...range] : Array.from(
      { length: range[1] - range[0] + 1 },
      (_, i) => String.fromCharCode(range[0] + i),
    )
  );
  return fc.constantFrom(...all);
}
