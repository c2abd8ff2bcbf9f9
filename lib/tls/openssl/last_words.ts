import { Roster } from "../../core/roster.ts";
import { closeQuietly } from "../../io/close_quietly.ts";
import type { ByteSocket } from "../../io/socket_connection.ts";

/** Milliseconds, and bytes, that a connection is read on for behind a last word. */
const LINGER_MS = 1000;
const LINGER_BYTES = 256 * 1024;
/**
 * Connections of this thread that are read on for at a time. They are over for all who count, and
 * each has a descriptor nevertheless: of more the one goes that has had the most time.
 */
export const MAX_LINGERING = 256;

/**
 * Closes a connection so that what was sent last, such as an alert, arrives. To close one at once
 * that has bytes to be read sends a RST, which may overtake it; so the end is sent, and a bounded
 * amount of what still comes is dropped.
 *
 * @param sent settles when the last word has been taken by TCP
 */
export async function closeWithLastWords(
  tcp: ByteSocket,
  sent: Promise<unknown> | undefined,
): Promise<void> {
  const connection = new Lingering(tcp);
  if (lingering.size > MAX_LINGERING) lingering.first?.close();
  try {
    await sent;
    await tcp.closeWrite();
    const dropped = new Uint8Array(4 * 1024);
    for (let left = LINGER_BYTES; left > 0;) {
      const count = await tcp.read(dropped);
      if (count === null) break;
      left -= count;
    }
  } catch {
    // the peer has gone, or the time is up
  } finally {
    connection.close();
  }
}

const lingering = new Roster<Lingering>();

class Lingering {
  readonly #tcp: ByteSocket;
  readonly #entry = lingering.add(this);
  readonly #timer = setTimeout(() => this.close(), LINGER_MS);

  constructor(tcp: ByteSocket) {
    this.#tcp = tcp;
  }

  close(): void {
    lingering.remove(this.#entry);
    clearTimeout(this.#timer);
    closeQuietly(this.#tcp);
  }
}
