import { chooseCoding, type ContentCoding } from "./accept_encoding.ts";
import { type Field, valuesOf } from "./field.ts";
import { nameForRules } from "./field_name.ts";
import { isGrpc } from "./grpc.ts";
import { type FieldChanges, NO_BODY, type RequestFacts, UNKNOWN_LENGTH } from "./message.ts";

/** Bytes of a body below which compressing it is not worth it. */
export const MIN_COMPRESSED_BYTES = 1024;

/** What compressing makes of an answer. */
export type Compression =
  /** It goes on as it is: this answer is never compressed, for nobody. */
  | { readonly kind: "none" }
  /** It goes on with these changes, as another client could get it compressed. */
  | { readonly kind: "varies"; readonly changes: FieldChanges }
  /** Its body is to be compressed. */
  | {
    readonly kind: "coded";
    readonly coding: ContentCoding;
    readonly changes: FieldChanges;
    /** Those of `varies`, where it is not compressed after all. */
    readonly varies: FieldChanges;
  };

/** An answer as a client would get it without that. */
export interface Compressible {
  readonly status: number;
  /** Bytes of the body, or `NO_BODY` or `UNKNOWN_LENGTH`. */
  readonly body: number;
  readonly fields: readonly Field[];
}

/** What of a request it goes by. */
export type CompressionRequest = Pick<RequestFacts, "method" | "version" | "upgrade" | "values">;

/**
 * Whether and how an answer is to be compressed. Whatever could be tells caches that it depends on
 * `Accept-Encoding` (RFC 9110, section 12.5.5), also to a client that takes no coding.
 */
export function compressionOf(request: CompressionRequest, answer: Compressible): Compression {
  if (answer.status === 304) return notModified(request, answer);
  if (request.upgrade !== undefined || isGrpc(request)) return NONE;
  if (!isCompressible(request, answer)) return NONE;
  const varies = { remove: VARY, add: varyLine(answer.fields) };
  const coding = answer.status !== PARTIAL && isTaken(request)
    ? chooseCoding(request.values("accept-encoding"))
    : undefined;
  if (coding === undefined) return { kind: "varies", changes: varies };
  const tags = valuesOf(answer.fields, "etag").map((tag) => ({ name: "ETag", value: weak(tag) }));
  const line = { name: "Content-Encoding", value: coding };
  const changes = { remove: CODED, add: [...tags, ...varies.add, line] };
  return { kind: "coded", coding, changes, varies };
}

/** Changes, and further ones of what these have made. */
export function changesInTurn(
  first: FieldChanges | undefined,
  then: FieldChanges,
): FieldChanges {
  if (first === undefined) return then;
  const kept = first.add.filter(({ name }) => !then.remove.has(nameForRules(name)));
  return { remove: new Set([...first.remove, ...then.remove]), add: [...kept, ...then.add] };
}

const NONE: Compression = { kind: "none" };
const VARY: ReadonlySet<string> = new Set(["vary"]);
/** Ranges are of the body as it was, which nobody is to be told of beside the other. */
const CODED: ReadonlySet<string> = new Set(["vary", "etag", "accept-ranges"]);

/**
 * What a 200 would have said is said again (RFC 9110, section 15.4.5), whose type it need not tell: so
 * it always varies. A client that says the weak form of an `ETag` has it from here, and gets that.
 */
function notModified(request: CompressionRequest, { fields }: Compressible): Compression {
  const varies = { remove: VARY, add: varyLine(fields) };
  const [tag, ...more] = valuesOf(fields, "etag");
  if (tag === undefined || more.length > 0 || weak(tag) === tag) {
    return { kind: "varies", changes: varies };
  }
  const said = request.values("if-none-match").join(",").split(",").map((one) => one.trim());
  if (!said.includes(weak(tag))) return { kind: "varies", changes: varies };
  const add = [{ name: "ETag", value: weak(tag) }, ...varies.add];
  return { kind: "varies", changes: { remove: new Set(["etag", "vary"]), add } };
}

/** Whether anybody could get it compressed. */
function isCompressible(
  { method }: CompressionRequest,
  { status, body, fields }: Compressible,
): boolean {
  if (status < 200 || WITHOUT.has(status)) return false;
  const isPart = status === PARTIAL;
  const bytes = body === NO_BODY ? lengthAlone(method, fields) : body;
  if (!isPart && bytes !== UNKNOWN_LENGTH && bytes < MIN_COMPRESSED_BYTES) return false;
  if (fields.some(({ key }) => FORBIDDING.has(key) && !(isPart && key === "content-range"))) {
    return false;
  }
  if (tokensOf(valuesOf(fields, "cache-control")).includes("no-transform")) return false;
  const [type, ...more] = valuesOf(fields, "content-type");
  if (type === undefined || more.length > 0) return false;
  return isCompressibleType(type) || (isPart && type.startsWith("multipart/byteranges"));
}

/** 205 has no body (RFC 9110, section 15.3.6); differences, 226, are of bytes. */
const WITHOUT: ReadonlySet<number> = new Set([204, 205, 226]);

/** A part of bytes stays as it is, and varies like the whole would (RFC 9110, section 15.3.7). */
const PARTIAL = 206;

/**
 * Fields of answers that are left alone: what is coded already, whatever that says, and what tells
 * of the bytes of its body (RFC 9530), which would not be true any more.
 */
const FORBIDDING: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-range",
  "content-digest",
  "content-md5",
  "digest",
  "repr-digest",
]);

/** What an answer to HEAD tells of the body that GET would have. */
function lengthAlone(method: string, fields: readonly Field[]): number {
  if (method !== "HEAD") return 0;
  const [length] = valuesOf(fields, "content-length");
  return length === undefined ? UNKNOWN_LENGTH : Number(length);
}

/**
 * Whether bodies of a media type get smaller: text and what is made of it, and those few others that
 * are not compressed in themselves. gRPC compresses messages by itself.
 */
export function isCompressibleType(contentType: string): boolean {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type.startsWith("application/grpc")) return false;
  return type.startsWith("text/") || SUFFIX.test(type) || TYPES.has(type);
}

/** Structured syntaxes (RFC 6839, RFC 9512). */
const SUFFIX = /^[a-z]+\/[^/]+\+(?:json|xml|yaml)$/;

const TYPES: ReadonlySet<string> = new Set([
  "application/ecmascript",
  "application/javascript",
  "application/json",
  "application/jsonl",
  "application/manifest",
  "application/ndjson",
  "application/rtf",
  "application/sql",
  "application/toml",
  "application/wasm",
  "application/x-javascript",
  "application/x-ndjson",
  "application/xml",
  "application/xml-dtd",
  "application/yaml",
  "font/otf",
  "font/ttf",
  "image/bmp",
  "image/vnd.microsoft.icon",
  "image/x-icon",
]);

/**
 * Whether a client can get any coding. One of HTTP/1.0 knows no chunks, so that an answer whose
 * length is not known beforehand would end with its connection, and could not be told from one cut
 * short. A range is one of the bytes that the server has (RFC 9110, section 14.2).
 */
function isTaken(request: CompressionRequest): boolean {
  if (request.version === "HTTP/1.0" || request.values("range").length > 0) return false;
  return !tokensOf(request.values("cache-control")).includes("no-transform");
}

/** All of `Vary`, with `Accept-Encoding` in it, as one line. */
function varyLine(fields: readonly Field[]): FieldChanges["add"] {
  const values = valuesOf(fields, "vary");
  const names = tokensOf(values);
  const isSaid = names.includes("*") || names.includes("accept-encoding");
  const all = [...values.filter((value) => value !== ""), ...isSaid ? [] : ["Accept-Encoding"]];
  return [{ name: "Vary", value: all.join(", ") }];
}

/** Members of a list that are tokens, in lower case. */
function tokensOf(values: readonly string[]): readonly string[] {
  return values.join(",").toLowerCase().split(",").map((token) => token.trim());
}

/** A validator of what means the same and is not the same byte for byte (section 8.8.1). */
function weak(tag: string): string {
  return tag.startsWith('"') ? `W/${tag}` : tag;
}
