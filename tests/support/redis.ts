import { unusedPort } from "./backends.ts";
import { issueCertificate, testCertificates } from "./certificates.ts";
import { PROGRAM_MS } from "./deadline.ts";
import { Lines } from "./lines.ts";
import { type RunningTool, runOk, start } from "./tools.ts";

export interface Redis extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  /** Ends it, with all that it holds. */
  stop(): Promise<void>;
  /** Starts it again where it was, empty. */
  start(): Promise<void>;
  /** What `redis-cli` prints for a command. */
  cli(...command: readonly string[]): Promise<string>;
  /** Has it answer nobody, as one that hangs; its connections stay. */
  hang(): void;
  /** Has it go on. */
  goOn(): void;
}

/** Starts a Redis on a port of its own that keeps nothing on disk. */
export async function startRedis(
  { password, tls = false }: { password?: string; tls?: boolean } = {},
): Promise<Redis> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-redis-" });
  const port = await unusedPort();
  const { ca } = await testCertificates();
  const own = await issueCertificate({ names: ["localhost", "127.0.0.1"] });
  let running: { redis: RunningTool; lines: Lines } | undefined;
  const cli = async (...command: readonly string[]) => {
    const login = password === undefined ? [] : ["-a", password, "--no-auth-warning"];
    const secured = tls ? ["--tls", "--cacert", ca] : [];
    return (await runOk("redis-cli", ["-p", String(port), ...secured, ...login, ...command]))
      .trim();
  };
  const server: Redis = {
    address: `127.0.0.1:${port}`,
    cli,
    async start() {
      const redis = start("redis-server", [
        ...["--bind", "127.0.0.1", tls ? "--tls-port" : "--port", String(port), "--dir", folder],
        ...(tls ? ["--port", "0", "--tls-auth-clients", "no", "--tls-ca-cert-file", ca] : []),
        ...(tls ? ["--tls-cert-file", own.cert, "--tls-key-file", own.key] : []),
        ...["--save", "", "--appendonly", "no"],
        ...(password === undefined ? [] : ["--requirepass", password]),
      ]);
      const lines = new Lines(redis.child.stdout);
      running = { redis, lines };
      await lines.first(/Ready to accept connections/, PROGRAM_MS);
    },
    async stop() {
      await running?.redis[Symbol.asyncDispose]();
      await running?.lines.ended;
      running = undefined;
    },
    hang: () => running?.redis.child.kill("SIGSTOP"),
    goOn: () => running?.redis.child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
  await server.start();
  return server;
}
