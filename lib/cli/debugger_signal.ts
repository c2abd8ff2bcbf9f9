import { libcPath } from "../ports/libc.ts";
import type { Say } from "./say.ts";

/**
 * Keeps `SIGUSR1` from opening the runtime's debugger, a port that hands the whole process to
 * every user of the machine. A listener of one's own does not do it, and `inspector.close()` needs
 * `--allow-sys` without bounds; so the C library is asked to ignore the signal. Where it may not be
 * called, the user is told when it has happened.
 *
 * To be called once, before the permission to call foreign functions is given up.
 */
export function refuseDebugger(say: Say): void {
  if (Deno.build.os === "windows") return;
  // First, since the runtime touches a signal's disposition only when it is listened to for the
  // first time: its own listener, half a second from the start, leaves the one below alone.
  Deno.addSignalListener("SIGUSR1", () => say(OPENED));
  const path = libcPath();
  if (path === undefined) return;
  // Asked first, as an attempt would stand in the audit of a process that may not.
  if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") return;
  try {
    const libc = Deno.dlopen(path, SYMBOLS);
    libc.symbols.signal(SIGUSR1, SIG_IGN);
    libc.close();
  } catch {
    // Another C library: the listener stays.
  }
}

const OPENED =
  "SIGUSR1: the runtime has opened its debugger on 127.0.0.1:9229, where every user of this " +
  "machine can take this process over; restart it to close that port";

const SYMBOLS = {
  // The handler as a number: a pointer would need the permission for every library.
  signal: { parameters: ["i32", "usize"], result: "usize" },
} as const;

const SIGUSR1 = Deno.build.os === "darwin" ? 30 : 10;
const SIG_IGN = 1n;
