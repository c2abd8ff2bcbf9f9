import * as z from "zod";
import { parseAddress } from "../core/address.ts";
import { messageOf } from "../core/errors.ts";
import { ipAddress, normalizeHostName, normalizeHostPattern } from "../core/host_name.ts";
import { LONGEST_WAIT_MS } from "../core/longest_wait.ts";
import { networkEnds } from "../core/ip.ts";
import { parseDuration, parseSize } from "./units.ts";

/** A string that means something else; what `parse` throws is the error. */
export function text<T>(description: string, example: string, parse: (text: string) => T) {
  return parsed(z.string({ error: `text, such as ${example}` }), { description, example, parse });
}

/** The same where a number, a word such as `true` or `{client}` may be meant, text in quotes to YAML. */
export function anyText<T>(description: string, example: string, parse: (text: string) => T) {
  const error = ({ input }: { readonly input?: unknown }) => {
    const isMap = typeof input === "object" && input !== null && !Array.isArray(input);
    return isMap || typeof input === "number" || typeof input === "boolean"
      ? "text: put it into quotes"
      : `text, such as ${example}`;
  };
  return parsed(z.string({ error }), { description, example, parse });
}

function parsed<T>(
  schema: z.ZodString,
  { description, example, parse }: {
    readonly description: string;
    readonly example: string;
    readonly parse: (text: string) => T;
  },
) {
  return schema.meta({ description, examples: [example] }).transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: "custom", message: messageOf(error) });
      return z.NEVER;
    }
  });
}

/** A time, such as `5s`, in milliseconds; 0 is one, too. */
export function duration(description: string, byDefault: string) {
  return text(description, "5s", timeOf).prefault(byDefault);
}

/** One within which something has to be done, or after which it is done again: 0 leaves no time. */
export function wait(description: string, byDefault: string) {
  return timer(description).prefault(byDefault);
}

/** The same where there is no default. */
export function timer(description: string) {
  return text(description, "5s", (value) => {
    const parsed = timeOf(value);
    if (parsed === 0) throw new Error(`"${value}" is no time at all; write 300ms, 5s, 10m or 1h`);
    return parsed;
  });
}

/** What a timer waits for: beyond its longest wait the runtime would not wait at all. */
function timeOf(value: string): number {
  const parsed = durationOf(value);
  if (parsed > LONGEST_WAIT_MS) throw new Error(`"${value}" is too long: 24d is the most`);
  return parsed;
}

/** The same where there is no default, and no timer that waits for it. */
export function plainDuration(description: string) {
  return text(description, "5s", durationOf);
}

function durationOf(value: string): number {
  const parsed = parseDuration(value);
  if (parsed === undefined) {
    throw new Error(`"${value}" is not a duration; write 300ms, 5s, 10m or 1h`);
  }
  return parsed;
}

/** A size, such as `16KiB` or a number, in bytes; 0 is one, too. */
export function size(description: string, byDefault: string | 0) {
  return plainSize(description).prefault(byDefault);
}

/** The same where there is no default. */
export function plainSize(description: string) {
  const sized = text(description, "16KiB", (value) => {
    const parsed = parseSize(value);
    if (parsed === undefined) throw new Error(`"${value}" is not a size; write 16KiB or 1MiB`);
    return parsed;
  });
  // of the value as a whole, whichever way it is written
  return z.union([sized, z.int().min(0)]).meta({ description });
}

/** Of a head, which cannot be without one. */
export function headSize(description: string) {
  return plainSize(description).refine((bytes) => bytes > 0, {
    error: "a head takes some bytes, so the limit must be at least 1",
  });
}

/** An IP address or host name with a port. */
export function address(description: string) {
  return text(description, "127.0.0.1:8443", parseAddress);
}

/** A whole number of things, of which there may have to be some. */
export function count(
  description: string,
  { least, byDefault }: { least: number; byDefault: number },
) {
  return z.int().min(least).max(1_000_000_000).default(byDefault).meta({ description });
}

const HOST_DESCRIPTION =
  "A host name, *. and a host name for one label more, or an IP address without brackets";

/** What a route or certificate is for, as `normalizeHostPattern` writes it. */
export const hostPattern = text(HOST_DESCRIPTION, "*.example.com", (value) => {
  const pattern = normalizeHostPattern(value);
  // nginx is given it as the name that nobody asks for, to have all that is asked for
  if (pattern !== undefined && value !== "_") return pattern;
  const hint = value === "*" || value === "_"
    ? "; leave hosts out for every host"
    : normalizeHostName(value.replace(/^\./, "")) !== undefined
    ? `; write both: "${value.slice(1)}" and "*${value}"`
    : /^[^:]+:\d+$/.test(value)
    ? "; leave the port out, it does not matter here"
    : "";
  throw new Error(`"${value}" is not a host name${hint}`);
});

/** What something is called that has no port, as `normalizeHostName` or `ipAddress` writes it. */
export const hostOrAddress = text("A host name or an IP address", "api.example.com", (value) => {
  const name = ipAddress(value) ?? normalizeHostName(value);
  if (name === undefined) throw new Error(`"${value}" is not a host name`);
  return name;
});

/** What a handshake may name (RFC 6066, section 3). */
export const handshakeName = text("A host name", "api.example.com", (value) => {
  const name = normalizeHostName(value);
  if (name !== undefined) return name;
  const hint = ipAddress(value) === undefined ? "" : ", and no handshake names an address";
  throw new Error(`"${value}" is not a host name${hint}`);
});

/** A range of addresses (RFC 4632, RFC 4291, section 2.3). */
export const cidr = z.string().meta({ examples: ["10.0.0.0/8"] }).refine(
  (range) => networkEnds(range) !== undefined,
  {
    error: "not an address range; write 10.0.0.0/8 or 2001:db8::/32",
  },
);

/** Why a text is no path: it is compared with, or sent as, what is in a request (RFC 3986, section 2.1). */
export function notAPath(input: string, otherwise: string): string {
  const letter = /^\/[^?# ]*$/.test(input) ? input.match(/[^\0-\x7f]/u)?.[0] : undefined;
  return letter?.isWellFormed() !== true
    ? otherwise
    : `requests have it encoded: write "${encodeURIComponent(letter)}" for "${letter}"`;
}
