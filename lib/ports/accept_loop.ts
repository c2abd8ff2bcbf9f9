import { codeOf, messageOf } from "../core/errors.ts";
import { isShortage } from "../io/shortage.ts";

/** Milliseconds to wait where the system has no room for another connection. */
const ACCEPT_PAUSE_MS = 100;
/** Milliseconds without another failure after which there is room again. */
const RECOVERED_MS = 1_000;

/** As much of a listener as it takes to accept. */
export interface Acceptor<Socket> {
  accept(): Promise<Socket>;
}

/**
 * Accepts until `closed` says that the listener has been closed, or it listens no more. Where the
 * system is short of something, such as file descriptors, that is told and waited out: those already
 * connected go on. Any other failure is one client's, who has gone before it was accepted: the next
 * one is not kept waiting for it.
 */
export async function acceptAll<Socket>(
  listener: Acceptor<Socket>,
  on: {
    readonly socket: (socket: Socket) => void;
    /** A client had gone before it was accepted: nothing is known of it. */
    readonly gone?: () => void;
    /** The system is short of something; once until it has recovered. */
    readonly trouble: (reason: string) => void;
    /** There is room again. */
    readonly recovered?: () => void;
    /** Makes room where there is none. @returns whether it did: then it is tried again at once */
    readonly makeRoom?: () => boolean;
    readonly closed: () => boolean;
    /** Settles when it may begin to accept, with whether it is to; undefined for at once. */
    readonly begins?: Promise<boolean> | undefined;
  },
): Promise<void> {
  if (await on.begins === false) return;
  let short: ReturnType<typeof setTimeout> | undefined;
  const isShort = (reason: string) => {
    if (short === undefined) on.trouble(reason);
    clearTimeout(short);
    short = setTimeout(() => {
      short = undefined;
      on.recovered?.();
    }, RECOVERED_MS);
  };
  while (!on.closed()) {
    try {
      on.socket(await listener.accept());
    } catch (error) {
      if (on.closed() || isOver(error)) break;
      if (!isShortage(error)) {
        on.gone?.();
        continue;
      }
      isShort(messageOf(error));
      if (on.makeRoom?.() === true) continue;
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
    }
  }
  if (short === undefined) return;
  // who has closed it does not wait for it
  clearTimeout(short);
  on.recovered?.();
}

/** Whether it was closed, or listens no more (`ListeningSockets.silence`). */
function isOver(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource ||
    error instanceof TypeError && codeOf(error) === "EINVAL";
}
