import assert from "node:assert/strict";
import { ScriptedConnection } from "../../tests/support/scripted_connection.ts";
import { encodeLatin1 } from "../core/latin1.ts";
import type { Receiver } from "../io/connection.ts";
import { RequestInput } from "./request_input.ts";

const KiB = 1024;
const LIMITS = { headerBytes: 64 * KiB, headers: 100 };

/** A client that sends requests as fast as they are read. */
class Play extends ScriptedConnection {
  /** How much each read had room for. */
  readonly room: number[] = [];
  readonly #input: RequestInput;
  #onInput: () => void = () => {};

  constructor() {
    super();
    this.#input = new RequestInput(this, {
      inputCame: () => this.#onInput(),
      inputEnded: () => assert.fail(),
      inputFailed: (error) => assert.fail(error),
    });
  }

  override receive(into: Uint8Array, receiver: Receiver): void {
    this.room.push(into.length);
    super.receive(into, receiver);
  }

  /** Reads a request of so many bytes. @returns how many reads it took */
  async request(headBytes: number, bodyBytes = 0): Promise<number> {
    const first = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bodyBytes}\r\nCookie: `;
    const head = first + "c".repeat(headBytes - first.length - 4) + "\r\n\r\n";
    const before = { reads: this.room.length, bytes: this.bytes.read };
    this.push(encodeLatin1(head + "b".repeat(bodyBytes)));
    const read = () =>
      new Promise<void>((resolve) => {
        this.#onInput = resolve;
        this.#input.receive();
      });
    this.#input.begin(LIMITS);
    do await read(); while (!this.#input.readHead());
    for (this.#input.takeBody(); !this.#input.walk.ended; this.#input.takeBody()) {
      this.#input.renew();
      await read();
    }
    assert.equal(this.bytes.read - before.bytes, headBytes + bodyBytes);
    this.#input.rest();
    return this.room.length - before.reads;
  }
}

Deno.test("a client whose requests do not fit at first has room for them from the second on", async () => {
  for (const [head, body] of [[3 * KiB, 0], [6 * KiB, 0], [KiB, 3 * KiB], [5 * KiB, 3 * KiB]]) {
    const play = new Play();
    assert.ok(await play.request(head as number, body) > 1);
    assert.equal(await play.request(head as number, body), 1);
    assert.equal(await play.request(head as number, body), 1);
  }
});

Deno.test("small requests, and ones that are large once, leave a connection small", async () => {
  const play = new Play();
  for (const body of [0, 1, KiB, 100 * KiB, 9 * KiB, 0]) await play.request(200, body);
  assert.equal(play.room.at(-1), 2 * KiB);
  assert.ok(Math.max(...play.room) > 32 * KiB);
});
