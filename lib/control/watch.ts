import { messageOf } from "../core/errors.ts";

/** Milliseconds of quiet after which changed files are taken as written. */
const SETTLE_MS = 300;

/** A watch on files that is on. */
export interface FileWatch extends Disposable {
  /** Which files from now on. */
  watch(paths: readonly string[]): void;
}

/**
 * Watches files by watching their folders: editors put a new file in the old one's place, and
 * Kubernetes swaps the link `..data` that leads to a whole folder, after which a watch on the file
 * itself hears no more. Folders that hold a link on the way to a file are watched too, as the link
 * may be swapped; and all of it is looked up again after each change. What changed is not looked
 * at: `onChange` reads all anew.
 */
export function watchFiles(
  paths: readonly string[],
  { onChange, onTrouble }: { onChange: () => void; onTrouble: (reason: string) => void },
): FileWatch {
  let files: readonly string[] = [];
  let watcher: Deno.FsWatcher | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(paths);
  return {
    watch,
    [Symbol.dispose]() {
      clearTimeout(timer);
      watcher?.close();
    },
  };

  function watch(next: readonly string[]): void {
    if (watcher !== undefined && next.join("\n") === files.join("\n")) return;
    files = next;
    open();
  }

  /** The new watcher before the old one goes, so that nothing falls between them. */
  function open(): void {
    const old = watcher;
    watcher = undefined;
    const folders = [...new Set(files.flatMap(foldersOf))].sort();
    try {
      if (folders.length > 0) listen(watcher = Deno.watchFs(folders, { recursive: false }));
    } catch (error) {
      onTrouble(`Cannot watch ${folders.join(", ")}: ${messageOf(error)}`);
    }
    old?.close();
  }

  async function listen(events: Deno.FsWatcher): Promise<void> {
    for await (const { kind } of events) {
      if (kind === "access") continue;
      clearTimeout(timer);
      timer = setTimeout(settled, SETTLE_MS);
    }
  }

  function settled(): void {
    // a watched folder may be another one by now
    open();
    onChange();
  }
}

/**
 * The folder that a path leads to, and every folder with a link on the way. Not by the path with
 * the link in it: the runtime takes a second watch on that for the first one, wherever the link
 * leads by then. A process that may read nothing but what it was granted goes by the path as it is,
 * and looks at no link above its folders.
 */
function foldersOf(path: string): string[] {
  const folders = [real(folderOf(path))];
  for (let at = folderOf(path); at !== "." && at !== "/"; at = folderOf(at)) {
    if (isLink(at)) folders.push(real(folderOf(at)));
  }
  return folders;
}

function real(path: string): string {
  try {
    const found = Deno.realPathSync(path);
    return mayRead(found) ? found : path;
  } catch {
    return path;
  }
}

function isLink(path: string): boolean {
  try {
    return mayRead(path) && Deno.lstatSync(path).isSymlink;
  } catch {
    return false;
  }
}

function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash) || "/";
}
