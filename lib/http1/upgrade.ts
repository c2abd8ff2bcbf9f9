import type { Framing } from "./framing.ts";
import { TOKEN } from "../http/grammar.ts";
import { type Field, field, hasToken, valuesOf } from "../http/field.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { withoutBlanks } from "../http/without_blanks.ts";

/**
 * The protocols that a request asks to go on with instead of HTTP (RFC 9110, section 7.8), as they
 * go on to the server; undefined where it asks for none, or for none that is let through. A server
 * may always ignore `Upgrade`, so what is not let through is served as plain HTTP/1.1:
 *
 * - by HTTP/1.0, or without the connection option (section 7.8);
 * - before a body: nobody may switch inside a message, and the server would decide when ours ends;
 * - to a protocol that carries HTTP requests, as `h2c` (RFC 9113, section 3.1) or `TLS/1.0` (RFC
 *   2817): they would go past every rule there is here;
 * - in a list that is malformed.
 */
export function requestedUpgrade(
  { minor, fields }: RequestHead,
  framing: Framing,
): readonly string[] | undefined {
  if (minor === 0 || !hasToken(fields, "connection", "upgrade")) return undefined;
  if (framing.kind === "chunked" || (framing.kind === "length" && framing.length > 0)) {
    return undefined;
  }
  const protocols = protocolsOf(valuesOf(fields, "upgrade"));
  const allowed = protocols?.filter((protocol) => !CARRIES_HTTP.has(nameOf(protocol))) ?? [];
  return allowed.length === 0 ? undefined : allowed;
}

/**
 * Whether an answer switches to what was asked for, and to nothing else (RFC 9110, section 15.2.2).
 * It has to name one at least.
 */
export function switchesTo(
  { minor, fields }: ResponseHead,
  asked: readonly string[] | undefined,
): boolean {
  if (asked === undefined || minor === 0 || !hasToken(fields, "connection", "upgrade")) {
    return false;
  }
  const protocols = protocolsOf(valuesOf(fields, "upgrade"));
  const known = new Set(asked.map((protocol) => protocol.toLowerCase()));
  return protocols !== undefined && protocols.length > 0 &&
    protocols.every((protocol) => known.has(protocol.toLowerCase()));
}

/** The lines of `Upgrade` that name some protocol, as they are. */
export function upgradeLines(fields: readonly Field[]): readonly string[] {
  return valuesOf(fields, "upgrade").filter((line) => line !== "");
}

/** The fields that ask for protocols, or agree to them, on the next hop. */
export function upgradeFields(protocols: readonly string[]): Field[] {
  return [field("Connection", "upgrade"), field("Upgrade", protocols.join(", "))];
}

/** Names without a version, in lower case. */
const CARRIES_HTTP: ReadonlySet<string> = new Set(["h2", "h2c", "h3", "http", "https", "tls"]);

/** The members of the list (RFC 9110, section 5.6.1); undefined where one is no `protocol`. */
function protocolsOf(values: readonly string[]): string[] | undefined {
  const members = values.join(",").split(",").map(withoutBlanks)
    .filter((member) => member !== "");
  return members.every(isProtocol) ? members : undefined;
}

/** `protocol-name ["/" protocol-version]`, both tokens. */
function isProtocol(member: string): boolean {
  const parts = member.split("/");
  return parts.length <= 2 && parts.every((part) => TOKEN.test(part));
}

function nameOf(protocol: string): string {
  return protocol.replace(/\/.*/, "").toLowerCase();
}
