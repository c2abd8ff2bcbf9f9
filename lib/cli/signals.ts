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
  /** Sets what `SIGHUP` does; where it has come before, that is done now. */
  onReload(reload: () => void): void;
}

/** A signal that asks the proxy to stop. */
export type StopSignal = "SIGTERM" | "SIGINT";

/**
 * Takes the signals over: `SIGTERM` and `SIGINT` settle `stop`, and a second one ends the process
 * at once with the code a shell gives it. `SIGHUP` reloads. `SIGUSR2`, by which HAProxy reloads and
 * nginx starts its next version, would end the process: it is answered with what does either here.
 */
export function watchSignals(say: Say, source: SignalSource = Deno): Signals {
  const { promise: stop, resolve } = Promise.withResolvers<StopSignal>();
  let stopping = false;
  let asked = false;
  let reload: () => void = () => void (asked = true);

  function onStop(signal: StopSignal): void {
    if (stopping) return source.exit(EXIT_CODES[signal]);
    stopping = true;
    resolve(signal);
  }

  const handlers: readonly [Deno.Signal, () => void][] = [
    ["SIGTERM", () => onStop("SIGTERM")],
    ["SIGINT", () => onStop("SIGINT")],
    ["SIGHUP", () => reload()],
    [
      "SIGUSR2",
      () => say("SIGUSR2: nothing is done; SIGHUP reloads, a new version takes a restart"),
    ],
  ];
  for (const [signal, handler] of handlers) source.addSignalListener(signal, handler);

  return {
    stop,
    onReload(action) {
      reload = action;
      // what has been read by now may be what was there before
      if (asked) reload();
    },
    [Symbol.dispose]() {
      for (const [signal, handler] of handlers) source.removeSignalListener(signal, handler);
    },
  };
}

/** 128 and the number of the signal (POSIX, exit status of a shell). */
const EXIT_CODES: Record<StopSignal, number> = { SIGTERM: 143, SIGINT: 130 };
