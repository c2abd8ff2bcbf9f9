import { readAuthorities } from "../certificates/trust_files.ts";
import type { Config } from "../config/config.ts";
import type { KeyPath } from "../config/key_path.ts";
import { messageOf, ProxyError } from "../core/errors.ts";
import { readTextFile } from "../io/text_file.ts";
import { readSecret } from "./read_named.ts";

/** A file of one service, which reads it by itself when it begins to work. */
export interface ServiceFile {
  readonly path: string;
  /** Where the configuration names it. */
  readonly at: KeyPath;
  /** Reads it as the service will. @throws {ProxyError} `bad_config` */
  readonly read: () => Promise<unknown>;
}

/** All files of this kind that a configuration names. */
export function serviceFiles({ admin, acme, cluster, certificates }: Config): ServiceFile[] {
  const file = (
    at: KeyPath,
    path: string | undefined,
    read: (path: string) => Promise<unknown>,
  ): ServiceFile[] => path === undefined ? [] : [{ path, at, read: () => read(path) }];
  const used = certificates.some(({ acme }) => acme !== undefined) ? acme : undefined;
  return [
    ...file(["admin", "token_file"], admin?.tokenFile, readToken),
    ...file(["cluster", "ca_file"], cluster?.caFile, readAuthorities),
    ...file(["cluster", "password_file"], cluster?.passwordFile, readSecret),
    ...file(["acme", "ca_file"], used?.caFile, readAuthorities),
    ...file(["acme", "eab", "hmac_file"], used?.eab?.hmacFile, readSecret),
  ];
}

/** Characters of a token at the least: what is shorter can be guessed. */
const MIN_TOKEN = 16;

/** The token that the admin page asks for. @throws {ProxyError} `bad_config` */
export async function readToken(path: string): Promise<string> {
  let token: string;
  try {
    token = (await readTextFile(path)).trim();
  } catch (error) {
    const message = `Cannot read the token of admin: ${path} ${messageOf(error)}`;
    throw new ProxyError("bad_config", message);
  }
  if (token.length < MIN_TOKEN) {
    throw new ProxyError(
      "bad_config",
      `The token of admin in ${path} has less than ${MIN_TOKEN} characters; ` +
        "make one with: openssl rand -hex 32",
    );
  }
  return token;
}
