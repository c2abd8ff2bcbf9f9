import { codeOf, messageOf } from "../core/errors.ts";

/** What a file that cannot be read is or does, such as "does not exist", to stand behind its name. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "does not exist";
  if (error instanceof Deno.errors.NotCapable) {
    // as the runtime has it for files that stand for more than themselves
    return error.message.startsWith("Requires all access")
      ? "is not readable (the runtime opens no such device but with all permissions)"
      : "is not readable (--allow-read lacks it)";
  }
  switch (codeOf(error)) {
    case "ENOENT":
      return "does not exist";
    case "EISDIR":
      return "is a folder";
    default:
      return `is not readable (${fileTrouble(error)})`;
  }
}

/**
 * Whether it is the system that gives no file, or the runtime, although there may be one; the error
 * or one of its causes says so.
 */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof Deno.errors.NotCapable) return true;
  const code = codeOf(error);
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return code !== "ENOENT" && code !== "ENOTDIR";
  return error instanceof Error && error.cause !== undefined && isUnreadable(error.cause);
}

/**
 * Why the system does not open or write a file, in words; whichever module of the runtime tells. Where
 * there are none these are the system's own, without the runtime's about its call.
 */
export function fileTrouble(error: unknown): string {
  return WORDS[codeOf(error) ?? ""] ?? messageOf(error).replace(/ \(os error \d+\)$/, "");
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota exceeded",
  EFBIG: "file too large",
  EPERM: "permission denied",
  EINVAL: "its name is no path",
  EIO: "input/output error",
  ERR_INVALID_ARG_VALUE: "its name is no path",
  EISDIR: "it is a folder",
  ELOOP: "its links lead to each other",
  EMFILE: "there are too many open files",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "no space left on device",
  ENOTDIR: "its path leads through a file",
  EPIPE: "nobody reads it",
  EROFS: "the file system is read-only",
};
