import assert from "node:assert/strict";
import { newTicketKeys, ticketBeginning, TicketKeys } from "./ticket_keys.ts";

Deno.test("ticketBeginning() tells the keys of a ticket, and keeps nothing of what it came in", () => {
  const [newest, before] = [newTicketKeys(), newTicketKeys()];
  const keys = new TicketKeys([newest, before]);
  for (const sealedWith of [newest, before]) {
    const hello = new Uint8Array(60_000);
    hello.set(sealedWith.subarray(0, 16), 1_000);
    const beginning = ticketBeginning(hello.subarray(1_000, 1_200));
    assert.equal(keys.ofTicket(beginning), sealedWith);
    assert.ok(beginning.buffer.byteLength < 100, `${beginning.buffer.byteLength} bytes are kept`);
  }
  assert.equal(keys.ofTicket(ticketBeginning(Uint8Array.of(1, 2, 3))), undefined);
});
