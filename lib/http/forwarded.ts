import { ipBytes, ipText, unmapped } from "../core/ip.ts";
import type { ClientCertFields } from "./client_cert.ts";
import { fieldName } from "./field_name.ts";
import { HOST, TOKEN } from "./grammar.ts";
import { type Field, field, valuesOf } from "./field.ts";

/** What backends are told of a request's origin. */
export interface ForwardedFacts {
  /** The client's IP address. */
  readonly peer: string;
  /** The port the client connected to. */
  readonly port: number;
  readonly proto: "https" | "http";
  /** The Host the client asked for. */
  readonly host: string;
  /** Whether `Forwarded` (RFC 7239) is told too. */
  readonly standard?: boolean;
  /** What the client has proved, where it has. */
  readonly clientCert?: ClientCertFields | undefined;
}

/**
 * The forwarded fields of one request of a client that is believed nothing. They come from this
 * proxy alone: what the client sends under these names is dropped (`ROLE.forwarded`), or anybody
 * could claim to be anybody.
 */
export function forwardedFields(facts: ForwardedFacts): Field[] {
  const fields = [
    field(FOR, facts.peer),
    field(PROTO, facts.proto),
    field(HOSTNAME, facts.host),
    field(PORT_NUMBER, String(facts.port)),
  ];
  if (facts.standard === true) fields.push(field("Forwarded", forwardedElement(facts)));
  fields.push(...provedFields(facts));
  return fields;
}

/**
 * The same behind a proxy that is trusted: what it says of those before it is kept, and it is
 * appended to them. All lines of a list become one, in their order (RFC 9110, section 5.3), so that
 * a reader from the right meets the addresses in the order in which they can be believed. What the
 * trusted proxy says of the scheme, the host and the port it was asked for is kept where it says it
 * once and well; else this proxy's own connection is told of.
 */
export function appendedForwardedFields(
  facts: ForwardedFacts,
  received: readonly Field[],
): Field[] {
  const { peer, proto, host, port } = facts;
  const fields = [
    field(FOR, joined(received, "x-forwarded-for", peer)),
    field(PROTO, told(received, "x-forwarded-proto", SCHEME) ?? proto),
    field(HOSTNAME, told(received, "x-forwarded-host", HOST) ?? host),
    field(PORT_NUMBER, told(received, "x-forwarded-port", PORT) ?? String(port)),
  ];
  if (facts.standard === true) {
    fields.push(field("Forwarded", joined(received, "forwarded", forwardedElement(facts))));
  }
  fields.push(...provedFields(facts));
  return fields;
}

/** RFC 9440, section 2: of the client's own connection alone, whoever says what of another. */
function provedFields({ clientCert }: ForwardedFacts): Field[] {
  if (clientCert === undefined) return [];
  const { certificate, chain } = clientCert;
  const own = field(CLIENT_CERT, certificate);
  return chain === undefined ? [own] : [own, field(CLIENT_CERT_CHAIN, chain)];
}

/**
 * The client behind trusted proxies: the first address from the right that is not trusted, or the
 * leftmost where all are. What is no address ends the search, as nothing before it can be believed;
 * empty elements are none (RFC 9110, section 5.6.1).
 *
 * @param chain the elements of `X-Forwarded-For`, the peer last
 */
export function clientOf(
  chain: readonly string[],
  isTrusted: (address: string) => boolean,
): string | undefined {
  let client: string | undefined;
  for (const element of chain.toReversed()) {
    if (element.trim() === "") continue;
    const address = addressOf(element);
    if (address === undefined) return client;
    client = address;
    if (!isTrusted(address)) return client;
  }
  return client;
}

/**
 * Whether a client came over TLS, by what a proxy in front says that is believed.
 *
 * @param values of every line of `X-Forwarded-Proto`
 * @returns undefined where it does not say
 */
export function isToldSecure(values: readonly string[]): boolean | undefined {
  const scheme = onlyOf(values, SCHEME);
  return scheme === undefined ? undefined : /^(?:https|wss)$/i.test(scheme);
}

/**
 * The address of a node that may have a port, and brackets (RFC 7239, section 6). An IPv4 address
 * that a proxy's socket has mapped into IPv6 is that of everybody else's.
 */
function addressOf(node: string): string | undefined {
  const text = node.trim();
  const [, inBrackets] = /^\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?$/.exec(text) ?? [];
  const [, v4] = /^([\d.]+)(?::\d{1,5})?$/.exec(text) ?? [];
  const address = inBrackets ?? v4 ?? text;
  const bytes = ipBytes(address);
  if (bytes?.length !== (v4 === undefined ? 16 : 4)) return undefined;
  const plain = unmapped(bytes);
  return plain === bytes ? address : ipText(plain);
}

/** One hop as RFC 7239, sections 4 and 6, writes it. */
function forwardedElement({ peer, host, proto }: ForwardedFacts): string {
  const node = peer.includes(":") ? `"[${peer}]"` : peer;
  const authority = TOKEN.test(host) ? host : `"${host}"`;
  return `for=${node};host=${authority};proto=${proto}`;
}

/** A list of all that was received and one element more; empty elements are none. */
function joined(received: readonly Field[], key: string, last: string): string {
  const list = valuesOf(received, key).join(",");
  // an open quote would swallow what is appended to it
  const elements = key !== "forwarded" ? list.split(",") : BALANCED.test(list) ? [list] : [];
  const kept = elements.map((element) => element.trim()).filter((element) => element !== "");
  return [...kept, last].join(", ");
}

/** Every quoted string ends (RFC 9110, section 5.6.4). */
const BALANCED = /^(?:[^"]|"(?:\\.|[^"\\])*")*$/;

/** A value that stands once and is well-formed. */
function told(received: readonly Field[], key: string, form: RegExp): string | undefined {
  return onlyOf(valuesOf(received, key), form);
}

function onlyOf([value, ...more]: readonly string[], form: RegExp): string | undefined {
  return value !== undefined && more.length === 0 && form.test(value) ? value : undefined;
}

/** RFC 3986, section 3.1. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]{0,30}$/;
const PORT = /^\d{1,5}$/;

const FOR = fieldName("X-Forwarded-For");
const PROTO = fieldName("X-Forwarded-Proto");
const HOSTNAME = fieldName("X-Forwarded-Host");
const CLIENT_CERT = fieldName("Client-Cert");
const CLIENT_CERT_CHAIN = fieldName("Client-Cert-Chain");
const PORT_NUMBER = fieldName("X-Forwarded-Port");
