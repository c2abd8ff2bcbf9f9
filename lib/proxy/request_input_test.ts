import assert from "node:assert/strict";
import { encodeLatin1 } from "../core/latin1.ts";
import type { Connection, Receiver } from "../io/connection.ts";
import { RequestInput } from "./request_input.ts";

const KiB = 1024;
const LIMITS = { headerBytes: 64 * KiB, headers: 100 };

/** A client that sends requests as fast as they are read. */
class Play {
  /** How much each read had room for. */
  readonly room: number[] = [];
  readonly input: RequestInput;
  #into: Uint8Array | undefined;
  #receiver: Receiver | undefined;

  constructor() {
    const connection: Pick<Connection, "receive" | "reading"> = {
      reading: false,
      receive: (into, receiver) => {
        this.#into = into;
        this.#receiver = receiver;
      },
    };
    this.input = new RequestInput(connection as Connection, {
      inputCame: () => {},
      inputEnded: () => assert.fail(),
      inputFailed: (error) => assert.fail(error),
    });
  }

  /** Reads a request of so many bytes. @returns how many reads it took */
  request(headBytes: number, bodyBytes = 0): number {
    const first = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bodyBytes}\r\nCookie: `;
    const head = first + "c".repeat(headBytes - first.length - 4) + "\r\n\r\n";
    let left = encodeLatin1(head + "b".repeat(bodyBytes));
    let reads = 0;
    const read = () => {
      this.input.receive();
      const into = this.#into ?? assert.fail();
      this.room.push(into.length);
      const count = Math.min(into.length, left.length);
      into.set(left.subarray(0, count));
      left = left.subarray(count);
      reads++;
      this.#receiver?.received(count);
    };
    this.input.begin(LIMITS);
    do read(); while (!this.input.readHead());
    for (this.input.takeBody(); !this.input.walk.ended; this.input.takeBody()) {
      this.input.renew();
      read();
    }
    assert.equal(left.length, 0);
    this.input.rest();
    return reads;
  }
}

Deno.test("a client whose requests do not fit at first has room for them from the second on", () => {
  for (const [head, body] of [[3 * KiB, 0], [6 * KiB, 0], [KiB, 3 * KiB], [5 * KiB, 3 * KiB]]) {
    const play = new Play();
    assert.ok(play.request(head as number, body) > 1);
    assert.equal(play.request(head as number, body), 1);
    assert.equal(play.request(head as number, body), 1);
  }
});

Deno.test("small requests, and ones that are large once, leave a connection small", () => {
  const play = new Play();
  for (const body of [0, 1, KiB, 100 * KiB, 9 * KiB, 0]) play.request(200, body);
  assert.equal(play.room.at(-1), 2 * KiB);
  assert.ok(Math.max(...play.room) > 32 * KiB);
});
