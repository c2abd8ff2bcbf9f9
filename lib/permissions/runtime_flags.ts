/** What V8, the runtime's engine, is told of memory. */
const V8_FLAGS = [
  // It would let the space for new objects grow to 32 MiB in each thread, which costs memory and saves
  // no work; with less than this requests on many busy connections would cost more.
  "--max-semi-space-size=4",
  // After some seconds with little to do it gives memory back, with a pause of a fifth of a second, and
  // forgets the kinds of objects that none is left of: the next 50,000 requests take up to twice the
  // CPU, as what was compiled for them has to be compiled again. So it waits for two minutes.
  "--memory-reducer-delay-ms=120000",
  "--gc-memory-reducer-start-delay-ms=120000",
];

/** Flags of the runtime that a proxy is started with beside its permissions. */
export const RUNTIME_FLAGS: readonly string[] = [`--v8-flags=${V8_FLAGS.join(",")}`];
