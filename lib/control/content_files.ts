import { stat } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import type { KeyPath } from "../config/key_path.ts";
import { ProxyError } from "../core/errors.ts";
import { parseHtpasswd } from "../http/basic_auth.ts";
import { whyUnreadable } from "../io/file_trouble.ts";

/** Bytes of a file that is an answer. */
const MAX_BYTES = 1024 * 1024;

/** What files hold that are answers, pages or passwords, by their path. */
export type Contents = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** A file whose content the configuration names. */
export interface ContentFile {
  readonly path: string;
  /** Where the configuration names it. */
  readonly at: KeyPath;
  /** @throws {ProxyError} `bad_config` where it holds something else than it has to */
  readonly check?: (content: Uint8Array) => void;
}

/** All files of this kind that a configuration names. */
export function contentFiles({ routes, errorPages }: Config): readonly ContentFile[] {
  return [
    ...routes.flatMap(({ respond, basicAuth }, index): ContentFile[] => [
      ...(respond?.file === undefined ? [] : [{
        path: respond.file,
        at: ["routes", index, "respond", "file"],
      }]),
      ...(basicAuth === undefined ? [] : [{
        path: basicAuth.file,
        at: ["routes", index, "basic_auth", "file"],
        check: (content: Uint8Array) =>
          void parseHtpasswd(new TextDecoder().decode(content), basicAuth.file),
      }]),
    ]),
    ...[...errorPages].map(([status, path]) => ({ path, at: ["error_pages", String(status)] })),
  ];
}

/** Reads such a file. @throws {ProxyError} `bad_config` */
export async function readContent({ path, check }: ContentFile): Promise<Uint8Array<ArrayBuffer>> {
  let content: Uint8Array<ArrayBuffer>;
  try {
    const { size } = await regularFile(path);
    if (size > MAX_BYTES) throw new RangeError("is larger than 1 MiB");
    content = await Deno.readFile(path);
  } catch (error) {
    const why = error instanceof RangeError ? error.message : whyUnreadable(error);
    throw new ProxyError("bad_config", `Cannot read ${path}: it ${why}`, { cause: error });
  }
  check?.(content);
  return content;
}

async function regularFile(path: string) {
  const found = await stat(path);
  if (found.isDirectory()) throw new RangeError("is a folder");
  if (!found.isFile()) throw new RangeError("is no regular file");
  return found;
}
