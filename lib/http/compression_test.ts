import assert from "node:assert/strict";
import { changedFields } from "./changed_fields.ts";
import { changesInTurn, compressionOf, isCompressibleType } from "./compression.ts";
import { field, fieldLines } from "./field.ts";
import { NO_BODY, UNKNOWN_LENGTH } from "./message.ts";

type Lines = Readonly<Record<string, string | readonly string[]>>;

interface Case {
  readonly method?: string;
  readonly version?: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
  readonly upgrade?: readonly string[];
  /** Of the request, beside `Accept-Encoding: gzip`. */
  readonly asks?: Lines;
  readonly status?: number;
  readonly body?: number;
  /** Of the answer, beside `Content-Type: text/html`. */
  readonly says?: Lines;
}

/** What becomes of an answer, and of those of its fields that it is about. */
function judged({ method = "GET", version = "HTTP/1.1", upgrade, ...given }: Case) {
  const asks: Lines = { "accept-encoding": "gzip", ...given.asks };
  const values = (name: string) => [asks[name] ?? []].flat();
  const says = Object.entries({ "Content-Type": "text/html", ...given.says });
  const fields = says.flatMap(([name, values]) => [values].flat().map((one) => field(name, one)));
  const { status = 200, body = UNKNOWN_LENGTH } = given;
  const compression = compressionOf({ method, version, upgrade, values }, { status, body, fields });
  if (compression.kind === "none") return "none";
  const changed = changedFields(fields, compression.changes)
    .filter(({ key }) => key !== "content-type" && key !== "content-length");
  return [compression.kind, ...fieldLines(changed).split("\r\n").slice(0, -1)].join("; ");
}

const CODED = "coded; Vary: Accept-Encoding; Content-Encoding: gzip";
const VARIES = "varies; Vary: Accept-Encoding";

const CASES: readonly (readonly [name: string, given: Case, becomes: string])[] = [
  ["a page", {}, CODED],
  ["a page by HTTP/2", { version: "HTTP/2" }, CODED],
  ["a page by HTTP/1.0", { version: "HTTP/1.0" }, VARIES],
  ["an answer to POST", { method: "POST" }, CODED],
  ["an error's page", { status: 404 }, CODED],
  ["a server's error", { status: 500 }, CODED],
  ["no type", { says: { "Content-Type": [] } }, "none"],
  ["two types", { says: { "Content-Type": ["text/html", "text/html"] } }, "none"],
  ["a picture", { says: { "Content-Type": "image/png" } }, "none"],
  // lengths
  ["1023 bytes", { body: 1023 }, "none"],
  ["1024 bytes", { body: 1024 }, CODED],
  ["nothing", { body: 0 }, "none"],
  ["HEAD of 1024", { method: "HEAD", body: NO_BODY, says: { "Content-Length": "1024" } }, CODED],
  ["HEAD of 1023", { method: "HEAD", body: NO_BODY, says: { "Content-Length": "1023" } }, "none"],
  ["HEAD of who knows", { method: "HEAD", body: NO_BODY }, CODED],
  // statuses
  ["an interim answer", { status: 103, body: NO_BODY }, "none"],
  ["204", { status: 204, body: NO_BODY }, "none"],
  ["204 to HEAD", { method: "HEAD", status: 204, body: NO_BODY }, "none"],
  ["205", { status: 205 }, "none"],
  ["206", { status: 206, body: 9 }, VARIES],
  [
    "206 that says which part",
    { status: 206, says: { "Content-Range": "bytes 0-1/2" } },
    "varies; Content-Range: bytes 0-1/2; Vary: Accept-Encoding",
  ],
  [
    "206 of several parts",
    { status: 206, says: { "Content-Type": "multipart/byteranges; boundary=a" } },
    VARIES,
  ],
  ["206 of a picture", { status: 206, says: { "Content-Type": "image/png" } }, "none"],
  ["226", { status: 226 }, "none"],
  // what the client says
  ["no Accept-Encoding", { asks: { "accept-encoding": [] } }, VARIES],
  ["gzip;q=0", { asks: { "accept-encoding": "gzip;q=0" } }, VARIES],
  ["a range", { asks: { range: "bytes=0-" } }, VARIES],
  ["no-transform of a client", { asks: { "cache-control": "No-Transform" } }, VARIES],
  ["no-cache of a client", { asks: { "cache-control": "no-cache" } }, CODED],
  ["an upgrade", { upgrade: ["websocket"] }, "none"],
  ["gRPC", { asks: { "content-type": "application/grpc" } }, "none"],
  // what the server says
  ["no-transform", { says: { "Cache-Control": "public, no-transform" } }, "none"],
  [
    "public",
    { says: { "Cache-Control": "public" } },
    `${CODED}`.replace(";", "; Cache-Control: public;"),
  ],
  ["gzip already", { says: { "Content-Encoding": "gzip" } }, "none"],
  ["identity, said", { says: { "Content-Encoding": "identity" } }, "none"],
  ["a part of 200", { says: { "Content-Range": "bytes 0-1/2" } }, "none"],
  ["Content-Digest", { says: { "Content-Digest": "sha-256=:AA==:" } }, "none"],
  ["Repr-Digest", { says: { "Repr-Digest": "sha-256=:AA==:" } }, "none"],
  ["Digest", { says: { Digest: "md5=AA==" } }, "none"],
  ["Content-MD5", { says: { "Content-MD5": "AA==" } }, "none"],
  ["Accept-Ranges", { says: { "Accept-Ranges": "bytes" } }, CODED],
  [
    "Accept-Ranges, not coded",
    { asks: { "accept-encoding": [] }, says: { "Accept-Ranges": "bytes" } },
    "varies; Accept-Ranges: bytes; Vary: Accept-Encoding",
  ],
  // Vary
  [
    "Vary",
    { says: { Vary: "Origin" } },
    "coded; Vary: Origin, Accept-Encoding; Content-Encoding: gzip",
  ],
  [
    "Vary twice",
    { says: { Vary: ["Origin", "Cookie"] }, asks: { "accept-encoding": [] } },
    "varies; Vary: Origin, Cookie, Accept-Encoding",
  ],
  [
    "Vary that says it",
    { says: { Vary: "accept-encoding, Origin" } },
    "coded; Vary: accept-encoding, Origin; Content-Encoding: gzip",
  ],
  ["Vary: *", { says: { Vary: "*" } }, "coded; Vary: *; Content-Encoding: gzip"],
  ["an empty Vary", { says: { Vary: "" } }, CODED],
  // validators
  [
    "a strong ETag",
    { says: { ETag: '"a"' } },
    'coded; ETag: W/"a"; Vary: Accept-Encoding; Content-Encoding: gzip',
  ],
  [
    "a weak ETag",
    { says: { ETag: 'W/"a"' } },
    'coded; ETag: W/"a"; Vary: Accept-Encoding; Content-Encoding: gzip',
  ],
  [
    "an ETag of a body that stays",
    { says: { ETag: '"a"' }, asks: { "accept-encoding": [] } },
    'varies; ETag: "a"; Vary: Accept-Encoding',
  ],
  ["304", { status: 304, body: NO_BODY }, VARIES],
  [
    "304 that says Vary",
    { status: 304, body: NO_BODY, says: { Vary: "Origin" } },
    "varies; Vary: Origin, Accept-Encoding",
  ],
  [
    "304 to a strong tag",
    { status: 304, says: { ETag: '"a"' }, asks: { "if-none-match": '"a"' } },
    'varies; ETag: "a"; Vary: Accept-Encoding',
  ],
  [
    "304 to a weak tag of ours",
    { status: 304, says: { ETag: '"a"' }, asks: { "if-none-match": '"b", W/"a"' } },
    'varies; ETag: W/"a"; Vary: Accept-Encoding',
  ],
  [
    "304 to a weak tag of theirs",
    { status: 304, says: { ETag: 'W/"a"' }, asks: { "if-none-match": 'W/"a"' } },
    'varies; ETag: W/"a"; Vary: Accept-Encoding',
  ],
];

Deno.test("compressionOf() says what becomes of an answer", () => {
  for (const [name, given, becomes] of CASES) assert.equal(judged(given), becomes, name);
});

Deno.test("compressionOf() gives one that is not compressed after all what others get", () => {
  const request = {
    ...{ method: "GET", version: "HTTP/1.1" as const, upgrade: undefined },
    values: (name: string) => name === "accept-encoding" ? ["br"] : [],
  };
  const fields = [field("Content-Type", "text/css"), field("ETag", '"a"')];
  const compression = compressionOf(request, { status: 200, body: UNKNOWN_LENGTH, fields });
  assert.ok(compression.kind === "coded");
  assert.equal(compression.coding, "br");
  assert.equal(
    fieldLines(changedFields(fields, compression.varies)),
    'Content-Type: text/css\r\nETag: "a"\r\nVary: Accept-Encoding\r\n',
  );
});

Deno.test("isCompressibleType() knows what gets smaller", () => {
  const yes = [
    ...["text/html; charset=utf-8", "TEXT/CSS", "text/event-stream", "application/json"],
    ...["application/problem+json", "image/svg+xml", "application/atom+xml", "application/wasm"],
    ...[
      "application/javascript;v=1",
      "application/manifest+json",
      "application/x-ndjson",
      "font/ttf",
    ],
  ];
  const no = [
    ...["", "image/png", "image/jpeg", "video/mp4", "application/zip", "application/octet-stream"],
    ...["application/grpc", "application/grpc+json", "application/grpc-web+json", "font/woff2"],
    ...["application/pdf", "textual/html", "application/jsonp", "+json", "multipart/mixed"],
  ];
  for (const type of yes) assert.equal(isCompressibleType(type), true, type);
  for (const type of no) assert.equal(isCompressibleType(type), false, type);
});

Deno.test("changesInTurn() has the later say of what the earlier did", () => {
  const fields = [field("A", "1"), field("B", "1"), field("C", "1")];
  const first = {
    remove: new Set(["a"]),
    add: [{ name: "A", value: "2" }, { name: "D", value: "2" }],
  };
  const then = { remove: new Set(["a", "b"]), add: [{ name: "A", value: "3" }] };
  const inTurn = changedFields(changedFields(fields, first), then);
  assert.equal(fieldLines(changedFields(fields, changesInTurn(first, then))), fieldLines(inTurn));
  assert.equal(changesInTurn(undefined, then), then);
});
