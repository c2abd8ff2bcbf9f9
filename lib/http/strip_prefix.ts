/**
 * A path without a prefix, on segment borders; `/` where nothing is left of it.
 *
 * @param path in origin-form, maybe with a query
 * @returns undefined where it does not begin with the prefix
 */
export function stripPrefix(path: string, prefix: string): string | undefined {
  const bare = bareOf(prefix);
  if (!path.startsWith(bare)) return undefined;
  const rest = path.slice(bare.length);
  switch (rest[0]) {
    case undefined:
      return "/";
    case "/":
      return withOneSlash(rest);
    case "?":
      return `/${rest}`;
    default:
      return undefined;
  }
}

/**
 * What all proxies together have taken off a path: links of the server have to begin with it.
 *
 * @param before `X-Forwarded-Prefix` of those in front, outermost first; some list each one's
 * @param prefix this proxy's own
 */
export function prefixInAll(before: readonly string[], prefix: string): string {
  const told = before.join(",").split(",").map((one) => one.trim()).filter((one) => one !== "");
  const known = told.every((one) => PREFIX.test(one)) ? told : [];
  return [...known, prefix].map(bareOf).join("");
}

/** A path that no reader takes for a host's name. */
const PREFIX = /^\/(?:[^\s/\\][\x21-\x7e]*)?$/;

/**
 * The path of which a server gets the same without the prefix, and that has no more slashes behind it
 * than it needs.
 */
export function withOneSlashBehind(path: string, prefix: string): string {
  const bare = bareOf(prefix);
  const rest = path.startsWith(bare) ? path.slice(bare.length) : "";
  return rest.startsWith("/") ? bare + withOneSlash(rest) : path;
}

function bareOf(prefix: string): string {
  return prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
}

/**
 * Two slashes at the beginning would be an authority to who takes the path for a reference
 * (RFC 3986, section 4.2).
 */
export function withOneSlash(path: string): string {
  return path.replace(/^[/\\]{2,}/, "/");
}
