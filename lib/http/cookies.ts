import { withoutBlanks } from "./without_blanks.ts";

/** What a server says to have a cookie kept (RFC 6265, section 4.1). */
export interface NewCookie {
  /** A token. */
  readonly name: string;
  /** Characters of `cookie-octet` alone. */
  readonly value: string;
  /** Seconds, 1 or more. */
  readonly maxAge: number;
  /** Whether it goes back over TLS alone. */
  readonly secure: boolean;
}

/**
 * The value of `Set-Cookie` for a cookie of the whole host that no script can read and no request
 * from another site brings along, but for a link that is followed.
 */
export function setCookie({ name, value, maxAge, secure }: NewCookie): string {
  const safe = secure ? "; Secure" : "";
  return `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly${safe}; SameSite=Lax`;
}

/** What a request says of one cookie, and what else it says. */
export interface FoundCookie {
  /** Its values, in order, without quotes around them; most often one. */
  readonly values: readonly string[];
  /** The lines without it, but for those that hold nothing else. */
  readonly others: readonly string[];
}

/**
 * Looks for a cookie in the values of `Cookie` lines (RFC 6265, section 4.2.1). Names are compared
 * as they are, blanks around names and values are none of them, and what is no pair is left alone.
 *
 * @returns undefined where it is not there
 */
export function findCookie(lines: readonly string[], name: string): FoundCookie | undefined {
  const values: string[] = [];
  const others: string[] = [];
  for (const line of lines) {
    const kept = line.split(";").filter((pair) => {
      const equals = pair.indexOf("=");
      const isIt = equals >= 0 && withoutBlanks(pair.slice(0, equals)) === name;
      if (isIt) values.push(unquoted(withoutBlanks(pair.slice(equals + 1))));
      return !isIt;
    });
    const rest = withoutBlanks(kept.join(";"));
    if (rest !== "") others.push(rest);
  }
  return values.length === 0 ? undefined : { values, others };
}

function unquoted(value: string): string {
  return /^"(.*)"$/.exec(value)?.[1] ?? value;
}
