import assert from "node:assert/strict";
import { Redis } from "../lib/cluster/redis.ts";
import { within } from "./support/deadline.ts";
import { startRedis } from "./support/redis.ts";

const LINKS = 30;

Deno.test("who is told that Redis is back can ask it, whichever connection was first", async () => {
  await using server = await startRedis();
  using stack = new DisposableStack();
  const [host = "", port] = server.address.split(":");
  const options = { host, port: Number(port), tls: false, password: undefined, prefix: "test:" };
  const links = Array.from({ length: LINKS }, () => {
    const gone = Promise.withResolvers<void>();
    const redis = stack.use(new Redis(options, (state) => state === "down" && gone.resolve()));
    return { redis, gone };
  });
  await Promise.all(links.map(({ redis }) => redis.open()));
  const asked = links.map(async ({ redis, gone }) => {
    await gone.promise;
    const answer = Promise.withResolvers<string | undefined>();
    redis.onArrival(() => void redis.get("key").then(answer.resolve, answer.reject));
    return await answer.promise;
  });
  await server.stop();
  await within(Promise.all(links.map(({ gone }) => gone.promise)), "all to find it gone");
  await server.start();
  assert.deepEqual(await within(Promise.all(asked), "all to be told"), links.map(() => undefined));
});
