import assert from "node:assert/strict";
import { listeningSockets } from "../../lib/ports/listening_sockets.ts";
import { systemLibrary } from "../../lib/ports/system_library.ts";

/** Descriptors of a test's process: it has far fewer. */
const DESCRIPTORS = 4096;

/**
 * Holds on to the sockets that listen on a port now, as a process does that is just being started:
 * a close takes no effect until they are let go.
 */
export function holdListeners(port: number): Disposable {
  const { symbols: { dup, close } } = systemLibrary();
  const held = Array.from({ length: DESCRIPTORS }, (_, fd) => fd)
    .filter((fd) => listeningSockets().listens(fd, port))
    .map((fd) => dup(fd));
  assert.ok(held.length > 0, `nothing listens on port ${port}`);
  return { [Symbol.dispose]: () => held.forEach((fd) => close(fd)) };
}
