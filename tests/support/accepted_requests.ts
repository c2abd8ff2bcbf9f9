import fc from "fast-check";
import { head } from "./good_requests.ts";

/** What `Connection` must not be able to remove, nor a client to claim. */
const CLAIMS = [
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "Forwarded",
];

const HOP_BY_HOP = [
  "Connection",
  "Keep-Alive",
  "Proxy-Connection",
  "Proxy-Authorization",
  "TE",
  "Trailer",
  "Upgrade",
  "HTTP2-Settings",
];

/** Those that a request has one of, at most. */
const SINGLE = ["Host", "Content-Length", "Transfer-Encoding"];

const OTHERS = [
  "A",
  "Cookie",
  "Accept",
  "User-Agent",
  "X-Real-IP",
  "Content-Type",
  "!#$%&'*+.^_`|~",
];

/**
 * Requests with a body that the decoder takes, made to mislead whoever reads them: claims of
 * origin, hop-by-hop fields, and `Connection` naming what it should not.
 */
export const acceptedRequests: fc.Arbitrary<string> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"),
  form: fc.constantFrom("origin", "absolute", "asterisk"),
  path: fc.string({ unit: fc.constantFrom(..."ab/?=%&.;:@*,'\"<>|\\^`{}~"), maxLength: 12 }),
  host: fc.constantFrom("a", "A.example", "127.0.0.1:80", "[::1]:8443", "a_b.", undefined),
  hostName: anyCase("Host"),
  before: fc.array(fieldLine(), { maxLength: 4 }),
  after: fc.array(fieldLine(), { maxLength: 4 }),
  framing: fc.constantFrom("none", "length", "chunked"),
  body: fc.array(fc.string({ unit: bytes(), minLength: 1, maxLength: 20 }), { maxLength: 3 }),
  trailers: fc.array(fieldLine(), { maxLength: 2 }),
  emptyLine: fc.boolean(),
}).map((asked) => {
  const { method, path, host, body } = asked;
  // only HTTP/1.0 may have no Host, and it has no chunks (RFC 9112, sections 3.2 and 6.1)
  const framing = host === undefined && asked.framing === "chunked" ? "length" : asked.framing;
  const form = asked.form === "asterisk" && method !== "OPTIONS" ? "origin" : asked.form;
  const target = form === "asterisk"
    ? "*"
    : form === "origin"
    ? `/${path}`
    : `http://${host ?? "other"}/${path}`;
  const hostLines = host === undefined ? [] : [`${asked.hostName}: ${host}`];
  const text = body.join("");
  const chunks = body.map((chunk) => `${chunk.length.toString(16)};e=f\r\n${chunk}\r\n`).join("");
  const framed = {
    none: { lines: [], wire: "" },
    length: { lines: [`Content-Length: ${text.length}`], wire: text },
    chunked: {
      lines: ["Transfer-Encoding: chunked"],
      wire: `${chunks}0\r\n${asked.trailers.map((line) => `${line}\r\n`).join("")}\r\n`,
    },
  }[framing];
  return (asked.emptyLine ? "\r\n" : "") + head(
    `${method} ${target} HTTP/1.${host === undefined ? 0 : 1}`,
    ...asked.before,
    ...hostLines,
    ...framed.lines,
    ...asked.after,
  ) + framed.wire;
});

/** A field line other than those of which a request has one. */
function fieldLine(): fc.Arbitrary<string> {
  const names = [...CLAIMS, ...HOP_BY_HOP, ...OTHERS];
  const alias = fc.constantFrom(...CLAIMS).map((name) => name.replaceAll("-", "_"));
  const plain = fc.tuple(
    fc.oneof(fc.constantFrom(...names).chain(anyCase), alias),
    fc.constantFrom("", " ", "\t "),
    fc.string({ unit: fc.constantFrom(...'ab:,;"=\\ \t\x80\xa0\xe9\xff'), maxLength: 12 }),
  ).map(([name, space, value]) => `${name}:${space}${value}`);
  const nominated = fc.constantFrom(...names, ...SINGLE, "close", "keep-alive", "").chain(anyCase);
  const connection = fc.array(nominated, { maxLength: 5 })
    .chain((list) => fc.constantFrom(",", ", ", "\t,").map((comma) => list.join(comma)))
    .map((value) => `Connection: ${value}`);
  return fc.oneof({ weight: 3, arbitrary: plain }, { weight: 2, arbitrary: connection });
}

function anyCase(name: string): fc.Arbitrary<string> {
  return fc.constantFrom(name, name.toLowerCase(), name.toUpperCase());
}

function bytes(): fc.Arbitrary<string> {
  return fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte));
}
