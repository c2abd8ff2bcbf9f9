import { LINUX, systemLibrary } from "./system_library.ts";

/**
 * Has the C library keep some of the memory that is freed, where it can (glibc). The runtime's
 * `node:tls` puts each answer into a buffer that is made for it; a large one was given back to the
 * system each time, and a third of what an answer of 64 KiB took was spent on getting it again.
 *
 * @returns whether it does
 */
export function keepFreedMemory(): boolean {
  if (!LINUX) return false;
  try {
    const { mallopt } = systemLibrary().symbols;
    // other C libraries have no such function
    if (mallopt === null) return false;
    return mallopt(M_TRIM_THRESHOLD, KEPT_BYTES) === 1 &&
      mallopt(M_MMAP_THRESHOLD, LARGE_BYTES) === 1;
  } catch {
    // without the permission it costs more, and goes on
    return false;
  }
}

/** Of each heap that the C library has. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** From this size on a piece of memory comes from the system and goes back there. */
const LARGE_BYTES = 1024 * 1024;

// malloc.h of glibc
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
