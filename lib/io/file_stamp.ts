import { Slices } from "./slices.ts";

/**
 * What tells whether a path still leads to the same file with the same content: whatever a program
 * does to replace either changes one of these, but for one that writes to the disk past the file
 * system. Links are followed. A path that leads nowhere has the reason for it instead.
 */
export type FileStamp = {
  readonly device: number;
  readonly inode: number;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /**
   * The same of the inode, which nobody can set: owner, mode and `modified` are a change of it. The
   * runtime tells it in whole seconds.
   */
  readonly changed: number;
} | { readonly missing: string };

/** By path. */
export type FileStamps = ReadonlyMap<string, FileStamp>;

/**
 * Looks at a path, and opens nothing: a pipe that nobody writes to hangs who opens it. It does not
 * let go of the thread, which takes a fifth of the time (4 µs) that a promise for it would.
 */
export function stampOf(path: string): FileStamp {
  try {
    const { dev, ino, size, mtime, ctime } = Deno.statSync(path);
    return {
      device: dev,
      inode: ino ?? 0,
      size,
      modified: mtime?.getTime() ?? 0,
      changed: ctime?.getTime() ?? 0,
    };
  } catch (error) {
    return { missing: error instanceof Error ? error.name : String(error) };
  }
}

/** Whether nothing has happened between two looks. */
export function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  if ("missing" in a || "missing" in b) {
    return "missing" in a && "missing" in b && a.missing === b.missing;
  }
  return a.inode === b.inode && a.modified === b.modified && a.changed === b.changed &&
    a.size === b.size && a.device === b.device;
}

/** Milliseconds within which a file system may give two changes the same time. */
const TICK_MS = 20;

/**
 * The stamps of files that are to be read right behind this: what is written to one while it is
 * read, or later, shows in its next stamp. For that it waits, where one has just been written,
 * until the file system's clock has moved on.
 */
export async function stampsBeforeReading(paths: Iterable<string>): Promise<FileStamps> {
  const stamps = new Map<string, FileStamp>();
  const slices = new Slices();
  for (const path of paths) {
    let stamp = stampOf(path);
    for (let round = 0; round < 5 && isYoung(stamp); round++) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      stamp = stampOf(path);
    }
    stamps.set(path, stamp);
    if (slices.isOver) await slices.next();
  }
  return stamps;
}

function isYoung(stamp: FileStamp): boolean {
  if ("missing" in stamp) return false;
  const age = Date.now() - Math.max(stamp.modified, stamp.changed);
  return age >= 0 && age < TICK_MS;
}
