import assert from "node:assert/strict";
import { holdMessages, threadRole } from "./thread_role.ts";

Deno.test("threadRole() of the first thread is the command line's", () => {
  assert.equal(threadRole(), "command");
});

Deno.test("holdMessages() loses nothing that comes before somebody listens, and keeps the order", async () => {
  const { port1, port2 } = new MessageChannel();
  const end = holdMessages(port2);
  port2.start();
  for (const message of [1, 2]) port1.postMessage(message);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const got: unknown[] = [];
  const all = Promise.withResolvers<void>();
  end.addEventListener("message", ({ data }) => {
    if (got.push(data) === 4) all.resolve();
  });
  assert.deepEqual(got, [1, 2]);
  for (const message of [3, 4]) port1.postMessage(message);
  await all.promise;
  assert.deepEqual(got, [1, 2, 3, 4]);

  const answer = Promise.withResolvers<unknown>();
  port1.onmessage = ({ data }) => answer.resolve(data);
  end.postMessage("back", []);
  assert.equal(await answer.promise, "back");
  port1.close();
  port2.close();
});
