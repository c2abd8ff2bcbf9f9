import assert from "node:assert/strict";
import type { ByteSocket } from "../../io/socket_connection.ts";
import { closeWithLastWords, MAX_LINGERING } from "./last_words.ts";

/** Of a peer that says nothing, until it ends or the socket is closed. */
class QuietSocket implements ByteSocket {
  isClosed = false;
  readonly #end = Promise.withResolvers<null>();

  read(): Promise<null> {
    return this.#end.promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#end.resolve(null);
  }

  end(): void {
    this.#end.resolve(null);
  }
}

Deno.test("closeWithLastWords() waits for a bounded number of peers, and longest for the last", async () => {
  const sockets = Array.from({ length: MAX_LINGERING + 3 }, () => new QuietSocket());
  const ends = sockets.map((socket) => closeWithLastWords(socket, undefined));
  assert.deepEqual(
    sockets.map(({ isClosed }) => isClosed),
    sockets.map((_, i) => i < 3),
  );
  for (const socket of sockets) socket.end();
  await Promise.all(ends);
  assert.ok(sockets.every(({ isClosed }) => isClosed));
  const next = new QuietSocket();
  const end = closeWithLastWords(next, undefined);
  assert.ok(!next.isClosed);
  next.end();
  await end;
});
