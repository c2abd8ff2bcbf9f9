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
 * itself hears no more. What changed is not looked at: `onChange` reads all anew.
 */
export function watchFiles(
  paths: readonly string[],
  { onChange, onTrouble }: { onChange: () => void; onTrouble: (reason: string) => void },
): FileWatch {
  let watcher: Deno.FsWatcher | undefined;
  let watched = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(paths);
  return {
    watch,
    [Symbol.dispose]() {
      clearTimeout(timer);
      watcher?.close();
    },
  };

  function watch(files: readonly string[]): void {
    const folders = [...new Set(files.map(folderOf))].sort();
    if (folders.join("\n") === watched) return;
    watcher?.close();
    watcher = undefined;
    watched = folders.join("\n");
    if (folders.length === 0) return;
    try {
      watcher = Deno.watchFs(folders, { recursive: false });
      listen(watcher);
    } catch (error) {
      onTrouble(`Cannot watch ${folders.join(", ")}: ${messageOf(error)}`);
    }
  }

  async function listen(events: Deno.FsWatcher): Promise<void> {
    for await (const { kind } of events) {
      if (kind === "access") continue;
      clearTimeout(timer);
      timer = setTimeout(onChange, SETTLE_MS);
    }
  }
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash) || "/";
}
