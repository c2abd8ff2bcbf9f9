/**
 * Flags of the runtime that a proxy is started with beside its permissions. V8 would let the space
 * for new objects grow to 32 MiB in each thread, which costs memory and saves no work; with less
 * than this requests on many busy connections would cost more.
 */
export const RUNTIME_FLAGS: readonly string[] = ["--v8-flags=--max-semi-space-size=4"];
