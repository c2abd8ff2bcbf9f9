import { type Address, formatAddress } from "../core/address.ts";
import type { ProxyError } from "../core/errors.ts";
import type { ProxyEvent, RequestServed } from "../core/event.ts";

/** How loud a line is; the names are those of the configuration. */
export type EventLevel = "info" | "warning";

/** One line of the text log, without time and level. */
export interface FormattedEvent {
  readonly level: EventLevel;
  /** Printable ASCII only, so one line whatever a peer sent. */
  readonly text: string;
}

/**
 * The event as one line of `key=value` pairs; what is not known is `-`.
 *
 * Values that come from a peer are escaped and cut at {@linkcode MAX_VALUE_LENGTH}: they can forge
 * neither a line nor a pair, and reach no terminal as a control sequence.
 */
export function formatEvent(event: ProxyEvent): FormattedEvent {
  return { level: levelOf(event), text: formatLine(lineOf(event)) };
}

/** An event as a line's parts: what it is, and what belongs to it, in order. */
export interface EventLine {
  readonly what: string;
  readonly pairs: readonly Pair[];
}

/** A fact of an event; undefined where it is not known. */
export type Pair = readonly [key: string, value: string | number | Address | undefined];

/** How loud the event is, without the cost of its text. */
export function levelOf(event: ProxyEvent): EventLevel {
  switch (event.kind) {
    case "handshake":
    case "passthrough":
    case "reloaded":
    case "certificate_obtained":
    case "servers_resolved":
    case "listener_recovered":
    case "probed":
    case "plain_connection":
    case "server_reached":
      return "info";
    case "cluster":
    case "server_state":
      return event.state === "up" ? "info" : "warning";
    case "connection_end":
      // in http mode its requests tell what went wrong
      return event.requests === undefined ? levelOfError(event.error) : "info";
    case "request":
      return levelOfError(event.error);
    case "handshake_failed":
    case "server_failed":
    case "resolve_failed":
    case "listener_trouble":
    case "connections_refused":
    case "reload_failed":
    case "certificate_expiring":
    case "certificate_failed":
    case "worker_died":
      return "warning";
  }
}

/** A client's mistake is everyday; one of a server or of this proxy is for its operator. */
function levelOfError(error: ProxyError | undefined): EventLevel {
  return error === undefined || error.isEveryday ? "info" : "warning";
}

/** The parts of an event's line. */
export function lineOf(event: ProxyEvent): EventLine {
  switch (event.kind) {
    case "handshake": {
      const { protocol, cipher, group, sni, alpn, resumed, handshakeMs, clientCert } = event.tls;
      return line("handshake", [
        ["peer", event.peer],
        ["protocol", protocol],
        ["cipher", cipher],
        ["sni", sni],
        ["alpn", alpn],
        ["resumed", resumed === undefined ? undefined : resumed ? "yes" : "no"],
        ["group", group],
        ["time", handshakeMs === undefined ? undefined : milliseconds(handshakeMs)],
        ...(clientCert === undefined ? [] : [
          ["client_cert", clientCert.subject] as const,
          ["fingerprint", clientCert.fingerprint] as const,
        ]),
      ]);
    }
    case "passthrough":
      return line("passthrough", [["peer", event.peer], ["sni", event.sni]]);
    case "handshake_failed":
      return line("handshake failed", [
        ["peer", event.peer],
        ["sni", event.sni],
        ["error", event.error.code],
        ["reason", event.error.message],
      ]);
    case "connection_end":
      return line("end", [
        ["peer", event.peer],
        ...(event.passthrough === true ? [["sni", event.tls?.sni] as const] : []),
        ["in", event.bytesIn],
        ["out", event.bytesOut],
        // Requests are counted in http mode only, and only a tcp connection has one server.
        event.requests === undefined ? ["server", event.server] : ["requests", event.requests],
        ["time", `${(event.durationMs / 1000).toFixed(2)}s`],
        ["how", howEnded(event.error)],
      ]);
    case "request":
      return requestLine(event);
    case "server_failed":
      return line("server failed", [
        ["backend", event.backend],
        ["server", event.server],
        ["error", event.error.code],
        ["reason", event.error.message],
      ]);
    case "server_reached":
      return line("server reached", [["backend", event.backend], ["server", event.server]]);
    case "server_state":
      return line(`server ${event.state}`, [
        ["backend", event.backend],
        ["server", event.server],
        ["reason", event.reason],
      ]);
    case "servers_resolved":
      return line("servers resolved", [
        ["backend", event.backend],
        ["name", event.name],
        ["added", event.added.join(",") || undefined],
        ["removed", event.removed.join(",") || undefined],
      ]);
    case "resolve_failed":
      return line("resolve failed", [
        ["backend", event.backend],
        ["name", event.name],
        ["kept", event.kept],
        ["reason", event.error.message],
      ]);
    case "listener_trouble":
      return line("listener trouble", [["listen", event.listen], ["reason", event.reason]]);
    case "probed":
      return line("probed", [["listen", event.listen]]);
    case "plain_connection":
      return line(`plain ${event.state}`, [["peer", event.peer]]);
    case "listener_recovered":
      return line("listener recovered", [["listen", event.listen]]);
    case "connections_refused":
      return line("connections refused", [
        ["listen", event.listen],
        ["count", event.count],
        ["limit", event.limit === "connectionsPerIp" ? "connections_per_ip" : event.limit],
        ["peer", event.peer],
      ]);
    case "reloaded":
      return line("reloaded", [
        ["by", event.reason],
        ["changes", event.changes.length === 0 ? "none" : event.changes.join(", ")],
        ["warnings", event.warnings.length],
      ]);
    case "reload_failed":
      return line("reload failed", [
        ["by", event.reason],
        ["problems", event.problems.length],
        ["first", event.problems[0]],
      ]);
    case "worker_died":
      return line("worker died", [["worker", event.worker], ["reason", event.reason]]);
    case "cluster":
      return line(event.state === "up" ? "cluster up" : "cluster down", [
        ["redis", event.redis],
        ["reason", event.reason === "" ? undefined : event.reason],
      ]);
    case "certificate_obtained":
      return line("certificate obtained", [
        ["names", event.names.join(",")],
        ["expires", event.notAfter.toISOString()],
      ]);
    case "certificate_failed":
      return line("certificate not obtained", [
        ["names", event.names.join(",")],
        ["reason", event.reason],
        ["again", event.again.toISOString()],
      ]);
    case "certificate_expiring":
      return line("certificate expiring", [
        ["certificate", event.certificate],
        ["expires", event.notAfter.toISOString()],
        ["days", Math.floor(event.days)],
      ]);
  }
}

/** Characters of a value that are kept; a longer one ends in `...`. */
export const MAX_VALUE_LENGTH = 200;

function requestLine(event: RequestServed): EventLine {
  return line("request", [
    ["peer", event.peer],
    ["client", event.client],
    ["id", event.id],
    ["host", event.host],
    ["method", event.method],
    ["target", event.target],
    ["status", event.status],
    ["in", event.bytesIn],
    ["out", event.bytesOut],
    ["time", milliseconds(event.durationMs)],
    ...(event.rule === undefined ? [] : [["rule", event.rule] as const]),
    ["backend", event.backend],
    ["server", event.server],
    ["error", event.error?.code],
    ...(event.error === undefined ? [] : [["reason", event.error.message] as const]),
    ["route", event.route],
    ["attempts", event.attempts],
    ["wait", event.waitMs === undefined ? undefined : milliseconds(event.waitMs)],
    ["first_byte", event.firstByteMs === undefined ? undefined : milliseconds(event.firstByteMs)],
    ...(event.coded === undefined ? [] : [["encoding", event.coded.coding] as const]),
    // what was there before HTTP/2 is as it was
    ...(event.version === "HTTP/2" ? [["version", "2"] as const] : []),
  ]);
}

/** How a connection came to its end. @param error undefined for a clean one */
function howEnded(error: ProxyError | undefined): string {
  return error === undefined ? "done" : `${error.code}: ${error.message}`;
}

function line(what: string, pairs: readonly Pair[]): EventLine {
  return { what, pairs };
}

function formatLine({ what, pairs }: EventLine): string {
  let text = what;
  for (const [key, value] of pairs) text += ` ${key}=${formatValue(value)}`;
  return text;
}

/** A value as it stands in a line. */
export function formatValue(value: Pair[1]): string {
  if (value === undefined) return "-";
  if (typeof value === "number") return String(value);
  return quoteValue(typeof value === "string" ? value : formatAddress(value));
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)}ms`;
}

/** Printable ASCII without space, `"` and `\`. */
const BARE = /^[!#-[\]-~]+$/;
/** What may not stand between the quotes as it is. */
const UNSAFE = /["\\]|[^\x20-\x7e]/g;

/** What a peer sent as printable ASCII: bare where it is plain, else in quotes and escaped. */
export function quoteValue(value: string): string {
  const kept = value.length > MAX_VALUE_LENGTH ? `${value.slice(0, MAX_VALUE_LENGTH)}...` : value;
  // A bare `-` would read as not known.
  return BARE.test(kept) && kept !== "-" ? kept : `"${kept.replace(UNSAFE, escapeUnit)}"`;
}

function escapeUnit(unit: string): string {
  if (unit === '"' || unit === "\\") return `\\${unit}`;
  const code = unit.charCodeAt(0);
  return code <= 0xff
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}
