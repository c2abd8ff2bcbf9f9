import { type Field, field } from "./head.ts";

/** What backends are told of a request's origin. */
export interface ForwardedFacts {
  /** The client's IP address. */
  readonly peer: string;
  /** The port the client connected to. */
  readonly port: number;
  readonly proto: "https" | "http";
  /** The Host the client asked for. */
  readonly host: string;
}

/**
 * The forwarded fields of one request. They come from this proxy alone: what a client sends under
 * these names is dropped by `withoutForwarded`, or anybody could claim to be anybody.
 */
export function forwardedFields({ peer, port, proto, host }: ForwardedFacts): Field[] {
  return [
    field("X-Forwarded-For", peer),
    field("X-Forwarded-Proto", proto),
    field("X-Forwarded-Host", host),
    field("X-Forwarded-Port", String(port)),
  ];
}

/**
 * The fields without any that claims to know where the request came from. Servers that follow CGI
 * (RFC 3875, section 4.1.18) take `_` for `-`, so a name that differs only in that is the same.
 */
export function withoutForwarded(fields: readonly Field[]): Field[] {
  return fields.filter(({ key }) => !FORWARDED.has(key.replaceAll("_", "-")));
}

const FORWARDED: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
]);
