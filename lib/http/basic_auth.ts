import { ProxyError } from "../core/errors.ts";

/** Who somebody says to be (RFC 7617). */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Reads an `Authorization` value; undefined where it is not of this scheme or malformed. */
export function parseBasic(value: string): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value) ?? [];
  if (encoded === undefined) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(encoded));
    const colon = text.indexOf(":");
    if (colon < 0) return undefined;
    return { user: text.slice(0, colon), password: text.slice(colon + 1) };
  } catch {
    // no base64, or no UTF-8
    return undefined;
  }
}

/** Hashes of passwords, by user. */
export type PasswordHashes = ReadonlyMap<string, string>;

/** `$2y$10$` and 53 characters; cost 4 to 16, as 17 would take a core for seconds. */
const BCRYPT = /^\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$/;

/**
 * Reads a file as `htpasswd -B` writes it: a user and a bcrypt hash in each line; empty lines and
 * those that begin with `#` are passed over, and so is what stands behind a second colon, where Apache
 * and nginx have a remark.
 *
 * @throws {ProxyError} `bad_config`, with the line; no message holds a hash
 */
export function parseHtpasswd(text: string, path: string): PasswordHashes {
  const hashes = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const user = line.slice(0, colon);
    const [hash = ""] = line.slice(colon + 1).split(":");
    // a user has no control characters (RFC 7617, section 2): this is another kind of file
    const isEntry = colon >= 1 && !/[\p{Cc}\ufffd]/u.test(user);
    if (!isEntry || !BCRYPT.test(hash)) {
      const what = !isEntry
        ? "is not user:hash"
        : `has no bcrypt hash for "${user}" (cost 4 to 16); write it with htpasswd -B`;
      throw new ProxyError("bad_config", `${path}:${index + 1} ${what}`);
    }
    if (hashes.has(user)) {
      throw new ProxyError("bad_config", `${path}:${index + 1} names "${user}" a second time`);
    }
    hashes.set(user, hash);
  }
  if (hashes.size === 0) throw new ProxyError("bad_config", `${path} names nobody`);
  return hashes;
}
