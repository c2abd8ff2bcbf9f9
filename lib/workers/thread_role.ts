import type { MessageEnd } from "./channel.ts";

/** What a thread of the program is for; the first has the command line. */
export type ThreadRole = "command" | "worker" | "passwords";

/** The name by which a thread of the program finds that it is for passwords. */
export const PASSWORD_THREAD = "passwords";

/** What this thread is for. */
export function threadRole(): ThreadRole {
  if (!("WorkerGlobalScope" in globalThis)) return "command";
  return globalThis.name === PASSWORD_THREAD ? "passwords" : "worker";
}

/**
 * Messages that come before anybody listens are for the one who does so first: the runtime would
 * lose what comes while a thread still loads its modules.
 */
export function holdMessages(end: MessageEnd): MessageEnd {
  let early: MessageEvent[] | undefined = [];
  end.addEventListener("message", (event) => void early?.push(event));
  return {
    postMessage: (message, transfer) => end.postMessage(message, transfer),
    addEventListener(type, listener) {
      const held = early ?? [];
      early = undefined;
      end.addEventListener(type, listener);
      held.forEach(listener);
    },
  };
}
