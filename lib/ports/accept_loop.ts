import { messageOf } from "../core/errors.ts";

/** Milliseconds to wait when accepting fails, for want of file descriptors say. */
const ACCEPT_PAUSE_MS = 100;

/** As much of a listener as it takes to accept. */
export interface Acceptor<Socket> {
  accept(): Promise<Socket>;
}

/**
 * Accepts until `closed` says that the listener has been closed. A failure that is no client's,
 * such as too many open files, is told and waited out: those already connected go on.
 */
export async function acceptAll<Socket>(
  listener: Acceptor<Socket>,
  on: {
    readonly socket: (socket: Socket) => void;
    readonly trouble: (reason: string) => void;
    readonly closed: () => boolean;
  },
): Promise<void> {
  while (!on.closed()) {
    try {
      on.socket(await listener.accept());
    } catch (error) {
      if (on.closed()) return;
      on.trouble(messageOf(error));
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
    }
  }
}
