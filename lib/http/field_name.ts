import { decodeLatin1 } from "../core/latin1.ts";
import { TOKEN } from "./grammar.ts";

/**
 * What a field's name means to a proxy, one bit each, so that a question about fields is a test of
 * numbers. A name may have several.
 */
export const ROLE = {
  /** Speaks of one connection and goes no further (RFC 9110, section 7.6.1). */
  hopByHop: 1 << 0,
  /**
   * Claims to know where a request came from or what its client has proved, under this spelling or
   * one that servers take for it.
   */
  forwarded: 1 << 1,
  connection: 1 << 2,
  contentLength: 1 << 3,
  transferEncoding: 1 << 4,
  host: 1 << 5,
  te: 1 << 6,
  upgrade: 1 << 7,
  expect: 1 << 8,
  requestId: 1 << 9,
  via: 1 << 10,
  /** What the client says who it is with. */
  authorization: 1 << 11,
  /** What a server asks for that. */
  authenticate: 1 << 12,
  /** How long a connection may be idle. */
  keepAlive: 1 << 13,
  /**
   * Says what only a proxy that is believed may say, beyond `forwarded`: who the client is, what it
   * has asked for, or, under a spelling that servers take for it, what frames or speaks of one hop.
   */
  claim: 1 << 14,
  /** How many hops a request may go. */
  maxForwards: 1 << 15,
  /** When an answer was made. */
  date: 1 << 16,
} as const;

/** A field's name as it was written, and what it means. */
export interface FieldName {
  readonly name: string;
  /** In lower case, for comparing. */
  readonly key: string;
  /** Bits of `ROLE`. */
  readonly role: number;
}

/** @param name a token */
export function fieldName(name: string): FieldName {
  const key = name.toLowerCase();
  return { name, key, role: roleOf(key) };
}

/**
 * The name that stands in `bytes` from `start` to `end`. Names come again and again, so those seen
 * last are kept, in a table that does not grow; to look one up makes no text.
 *
 * @param hash of the bytes, as `hashByte` makes it
 * @returns undefined where it is no token
 */
export function readFieldName(
  bytes: Uint8Array,
  { start, end, hash }: { start: number; end: number; hash: number },
): FieldName | undefined {
  const slot = hash & (SLOTS - 1);
  const kept = table[slot];
  if (kept !== undefined && isWritten(kept.name, bytes, start, end)) return kept;
  // text of its own, where a slice would keep the whole head
  const name = decodeLatin1(bytes, start, end);
  if (!TOKEN.test(name)) return undefined;
  const made = fieldName(name);
  if (name.length <= MAX_KEPT_LENGTH) table[slot] = made;
  return made;
}

/** The hash of some bytes and one more; that of none is 0. */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

const SLOTS = 1024;
const MAX_KEPT_LENGTH = 64;
const table: (FieldName | undefined)[] = new Array(SLOTS).fill(undefined);

function isWritten(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}

/**
 * A name as servers that follow CGI have it (RFC 3875, section 4.1.18), to which `_` is the same as
 * `-`, in lower case: a rule for a name is for all its spellings.
 */
export function nameForRules(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/**
 * Servers that follow CGI (RFC 3875, section 4.1.18) take `_` for `-`, so a claim that differs only
 * in that is the same, and what frames a message or speaks of one hop is a claim under such a name.
 */
function roleOf(key: string): number {
  const role = ROLES.get(key);
  if (role !== undefined) return role;
  const alias = ROLES.get(nameForRules(key)) ?? 0;
  if ((alias & ROLE.forwarded) !== 0) return ROLE.forwarded;
  return (alias & CLAIMED) === 0 ? 0 : ROLE.claim;
}

/** What is a claim under another spelling. */
const CLAIMED = ROLE.claim | ROLE.hopByHop | ROLE.requestId;

/** What this proxy tells of a request's origin itself. */
const FORWARDED: readonly string[] = [
  "client-cert",
  "client-cert-chain",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
];

/**
 * What servers and frameworks believe of whoever connects to them: the address, scheme and host of
 * the client, who it has logged in as, the path that routes and rules of access go by, and `Proxy`,
 * which CGI makes the address of a proxy to go through (CVE-2016-5385).
 */
const CLAIMS: readonly string[] = [
  "cf-connecting-ip",
  "client-ip",
  "fastly-client-ip",
  "front-end-https",
  "proxy",
  "true-client-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-forwarded",
  "x-forwarded-access-token",
  "x-forwarded-by",
  "x-forwarded-client-cert",
  "x-forwarded-email",
  "x-forwarded-groups",
  "x-forwarded-method",
  "x-forwarded-path",
  "x-forwarded-prefix",
  "x-forwarded-preferred-username",
  "x-forwarded-protocol",
  "x-forwarded-scheme",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-forwarded-uri",
  "x-forwarded-url",
  "x-forwarded-user",
  "x-original-forwarded-for",
  "x-original-host",
  "x-original-method",
  "x-original-uri",
  "x-original-url",
  "x-real-ip",
  "x-rewrite-url",
  "x-scheme",
  "x-url-scheme",
];

const ROLES: ReadonlyMap<string, number> = new Map([
  ["authorization", ROLE.authorization],
  ["connection", ROLE.hopByHop | ROLE.connection],
  ["content-length", ROLE.hopByHop | ROLE.contentLength],
  ["date", ROLE.date],
  ["expect", ROLE.expect],
  ["host", ROLE.host],
  ["http2-settings", ROLE.hopByHop],
  ["keep-alive", ROLE.hopByHop | ROLE.keepAlive],
  ["max-forwards", ROLE.maxForwards],
  ["proxy-authenticate", ROLE.hopByHop],
  ["proxy-authentication-info", ROLE.hopByHop],
  ["proxy-authorization", ROLE.hopByHop],
  ["proxy-connection", ROLE.hopByHop],
  ["te", ROLE.hopByHop | ROLE.te],
  ["transfer-encoding", ROLE.hopByHop | ROLE.transferEncoding],
  ["upgrade", ROLE.hopByHop | ROLE.upgrade],
  ["via", ROLE.via],
  ["www-authenticate", ROLE.authenticate],
  ["x-request-id", ROLE.requestId],
  ...FORWARDED.map((key) => [key, ROLE.forwarded] as const),
  ...CLAIMS.map((key) => [key, ROLE.claim] as const),
]);

/** Every name that has a role, in lower case; others have one only as an alias of these. */
export const KNOWN_NAMES: readonly string[] = [...ROLES.keys()];
