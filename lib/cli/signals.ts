import type { Say } from "./say.ts";

/** What gives signals and ends the process; the runtime unless a test says otherwise. */
export interface SignalSource {
  addSignalListener(signal: Deno.Signal, handler: () => void): void;
  removeSignalListener(signal: Deno.Signal, handler: () => void): void;
  exit(code: number): void;
}

/** The signals of the process, taken over until it is disposed. */
export interface Signals extends Disposable {
  /** Resolves with the first signal that asks the proxy to stop. */
  readonly stop: Promise<StopSignal>;
}

/** A signal that asks the proxy to stop. */
export type StopSignal = "SIGTERM" | "SIGINT";

/**
 * Takes the signals over: `SIGTERM` and `SIGINT` settle `stop`, and a second one ends the process
 * at once with the code a shell gives it. `SIGHUP` is not the end of it either.
 */
export function watchSignals(say: Say, source: SignalSource = Deno): Signals {
  const { promise: stop, resolve } = Promise.withResolvers<StopSignal>();
  let stopping = false;

  function onStop(signal: StopSignal): void {
    if (stopping) return source.exit(EXIT_CODES[signal]);
    stopping = true;
    resolve(signal);
  }

  const handlers: readonly [Deno.Signal, () => void][] = [
    ["SIGTERM", () => onStop("SIGTERM")],
    ["SIGINT", () => onStop("SIGINT")],
    ["SIGHUP", () => say("SIGHUP: a reload needs --config, nothing is changed")],
  ];
  for (const [signal, handler] of handlers) source.addSignalListener(signal, handler);

  return {
    stop,
    [Symbol.dispose]() {
      for (const [signal, handler] of handlers) source.removeSignalListener(signal, handler);
    },
  };
}

/** 128 and the number of the signal (POSIX, exit status of a shell). */
const EXIT_CODES: Record<StopSignal, number> = { SIGTERM: 143, SIGINT: 130 };
