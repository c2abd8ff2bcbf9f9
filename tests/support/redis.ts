import { unusedPort } from "./backends.ts";
import { Lines } from "./lines.ts";
import { start } from "./tools.ts";

export interface Redis extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
}

/** Starts a Redis on a port of its own that keeps nothing on disk. */
export async function startRedis(): Promise<Redis> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-redis-" });
  const port = await unusedPort();
  const redis = start("redis-server", [
    ...["--bind", "127.0.0.1", "--port", String(port), "--dir", folder],
    ...["--save", "", "--appendonly", "no"],
  ]);
  const lines = new Lines(redis.child.stdout);
  await lines.first(/Ready to accept connections/);
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await redis[Symbol.asyncDispose]();
      await lines.ended;
      await Deno.remove(folder, { recursive: true });
    },
  };
}
