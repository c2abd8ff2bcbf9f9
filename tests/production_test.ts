import assert from "node:assert/strict";
import { startHttp, unusedPort } from "./support/backends.ts";
import { ConfigFile } from "./support/config_file.ts";
import { eventually, PROGRAM_MS, within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { startPebble } from "./support/pebble.ts";
import { startRedis } from "./support/redis.ts";
import { run } from "./support/tools.ts";
import { connectTls } from "./support/tls_client.ts";

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

Deno.test("proxy:prod runs one process with exact permissions, and passes signals on", async () => {
  await using backend = await startHttp();
  const port = await unusedPort();
  await using config = await ConfigFile.createWithSecret(yamlFor(port, backend.address), {
    prefix: "tls-proxy a 'b' c-",
  });
  const task = startTask(["--config", config.path]);
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => task.end());
  await task.says.first(/^tls-proxy: listening on /, PROGRAM_MS);
  assert.deepEqual(task.says.matching(/permission/), []);
  using client = await connectTls(port);
  await client.write(encodeRequest("/"));
  assert.equal((await readAnswer(client)).status, 200);
  await task.log.first(/ info request .* status=200 /);

  const [proxy, ...others] = await descendants(task.child.pid);
  assert.ok(proxy !== undefined && others.length === 0, "one process beside the task itself");
  assert.match(proxy.command, / --deny-import .*--allow-net=127\.0\.0\.1:\d+,127\.0\.0\.1:\d+ /);
  const [, read = ""] = proxy.command.split(" --allow-read=");
  assert.ok(read.includes(`${config.folder}/proxy.yaml,`), proxy.command);

  // SIGUSR1, which would open the runtime's debugger, is blocked, and the proxy goes on
  const blocked = await outputOf("ps", "-o", "blocked=", "-p", String(proxy.pid));
  assert.equal(BigInt(`0x${blocked.trim()}`) >> 9n & 1n, 1n, blocked);
  Deno.kill(proxy.pid, "SIGUSR1");
  const limits = await outputOf("cat", `/proc/${proxy.pid}/limits`);
  assert.match(limits, /^Max core file size +0 +0 /m);
  task.child.kill("SIGHUP");
  await task.says.first(/^tls-proxy: reloaded \(SIGHUP\): nothing has changed$/);
  assert.deepEqual(task.says.matching(/SIGUSR1/), []);

  task.child.kill("SIGTERM");
  await task.says.first(/^tls-proxy: SIGTERM: draining/);
  assert.equal((await within(task.child.status, "the task's end", PROGRAM_MS)).code, 0);
});

Deno.test("proxy:prod gets a certificate and meets other replicas with exact permissions", async () => {
  await using pebble = await startPebble();
  await using redis = await startRedis({ password: "correct horse" });
  await using backend = await startHttp();
  const port = await unusedPort();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:${port}" }, { listen: "127.0.0.1:${pebble.httpPort}", redirect: https }]
certificates: [{ acme: [www.example.test] }]
acme: { directory: "${pebble.directory}", accept_terms: true, ca_file: ${pebble.caFile} }
cluster: { redis: "${redis.address.replace("127.0.0.1", "localhost")}", password_file: redis.pw }
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a, rate_limit: { requests: 1000/s, burst: 1000 } }]`);
  await Deno.writeTextFile(`${config.folder}/redis.pw`, "correct horse\n");
  const task = startTask(["--config", config.path]);
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => task.end());
  await task.log.first(/certificate obtained .*names=www\.example\.test/, PROGRAM_MS);
  const root = `${config.folder}/root.pem`;
  await Deno.writeTextFile(root, await pebble.root());
  const url = `https://www.example.test:${port}/`;
  await eventually(async () => {
    const { code } = await run("curl", [
      ...["-s", "--max-time", "20", "--cacert", root],
      ...["--resolve", `www.example.test:${port}:127.0.0.1`, url],
    ]);
    return code === 0 || undefined;
  }, () => task.log.text);
  const keys = (await redis.cli("KEYS", "*")).split("\n");
  for (const key of ["acme:certificate:www.example.test", "ticket-keys", "rate-seeds"]) {
    assert.ok(keys.includes(`tls-proxy:${key}`), `${keys}`);
  }
  assert.deepEqual(task.says.matching(/permission|warning/), []);
  assert.deepEqual(task.log.matching(/NotCapable|Requires \w+ access|cluster down/), []);
});

Deno.test("proxy:prod serves before it has told a collector of traces anything", async () => {
  await using collector = await startHttp();
  const port = await unusedPort();
  await using config = await ConfigFile.createWithSecret(yamlFor(port, "127.0.0.1:9"));
  const task = startTask(["--config", config.path], {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector.address}`,
    // only what a process that ends has left is sent as long as this takes
    OTEL_METRIC_EXPORT_INTERVAL: "3600000",
  });
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => task.end());
  await task.says.first(/^tls-proxy: listening on /, PROGRAM_MS);
  assert.equal(collector.requests.length, 0);
});

Deno.test("proxy:prod runs from behind a link, as to the release that is in use", async () => {
  await using backend = await startHttp();
  const port = await unusedPort();
  await using config = await ConfigFile.createWithSecret(yamlFor(port, backend.address));
  const current = `${config.folder}/current`;
  await Deno.symlink(ROOT, current);
  const args = [`${current}/scripts/proxy_prod.sh`, Deno.execPath(), "--config", config.path];
  const script = started("sh", args);
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => script.end());
  await script.says.first(/^tls-proxy: listening on /, PROGRAM_MS);
  script.child.kill("SIGTERM");
  assert.equal((await within(script.child.status, "the proxy's end", PROGRAM_MS)).code, 0);
});

Deno.test("the printed permissions are enough from behind a link, too", async () => {
  for (const workers of [1, 2]) {
    await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:${await unusedPort()}", tls: false }]
routes: [{ respond: { status: 204 } }]
workers: ${workers}`);
    await Deno.symlink(ROOT, `${config.folder}/current`);
    const main = `${config.folder}/current/main.ts`;
    const of = ["--config", config.path];
    const ask = ["run", "-q", "--no-prompt", "--ignore-env", "--allow-read", main, "permissions"];
    const flags = (await outputOf(Deno.execPath(), ...ask, ...of)).trim().split(" ");
    const run = ["run", "-q", "--cached-only", "--frozen", ...flags, main, ...of];
    const proxy = started(Deno.execPath(), run);
    await using cleanUp = new AsyncDisposableStack();
    cleanUp.defer(() => proxy.end());
    await proxy.says.first(/^tls-proxy: listening on /, PROGRAM_MS);
    assert.deepEqual(proxy.says.matching(/permission/), []);
  }
});

Deno.test("proxy:prod says how it is used", async () => {
  const task = startTask(["--help"]);
  const { code } = await within(task.child.status, "the task's end", PROGRAM_MS);
  await Promise.all([task.says.ended, task.log.ended]);
  assert.deepEqual([code, task.says.text], [0, ""]);
  assert.match(task.log.text, /^Usage: deno task proxy:prod --config F$/m);
});

Deno.test("proxy:prod ends as the proxy does, with its words", async () => {
  await using taken = await startHttp();
  await using broken = await ConfigFile.createWithSecret("listeners: 5");
  await using unbound = await ConfigFile.createWithSecret(yamlFor(taken.port, "127.0.0.1:1"));
  const CASES: readonly [args: readonly string[], code: number, says: RegExp][] = [
    [["--config", broken.path], 1, /^tls-proxy: .*proxy\.yaml has 1 error$/m],
    [["--config", "none.yaml"], 1, /^tls-proxy: Cannot read the configuration none\.yaml: /m],
    [["--config", unbound.path], 1, /^tls-proxy: Cannot listen on 127\.0\.0\.1:\d+: /m],
    [["--config"], 2, /^tls-proxy: deno task proxy:prod takes --config F /m],
    [["--config", broken.path, "--json"], 2, /^tls-proxy: deno task proxy:prod takes --config F /m],
    [[`--config=${broken.path}`], 1, /^tls-proxy: .*proxy\.yaml has 1 error$/m],
    [["--listen", "127.0.0.1:0"], 2, /^tls-proxy: deno task proxy:prod takes --config F /m],
    [[], 2, /^tls-proxy: deno task proxy:prod takes --config F /m],
  ];
  await Promise.all(CASES.map(async ([args, code, says]) => {
    const task = startTask(args);
    const status = await within(task.child.status, "the task's end", PROGRAM_MS);
    await Promise.all([task.says.ended, task.log.ended]);
    assert.deepEqual([status.code, task.log.text], [code, ""], args.join(" "));
    assert.match(task.says.text, says);
    assert.doesNotMatch(task.says.text, /^ +at /m);
  }));
});

function yamlFor(port: number, server: string): string {
  return `
listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${server}"] } }
routes: [{ backend: a }]`;
}

function startTask(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return started(Deno.execPath(), ["task", "-q", "proxy:prod", ...args], env);
}

function started(
  program: string,
  args: string[],
  env: Readonly<Record<string, string>> = {},
) {
  const child = new Deno.Command(program, {
    args,
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const log = new Lines(child.stdout);
  const says = new Lines(child.stderr);
  return {
    child,
    log,
    says,
    async end() {
      for (const { pid } of await descendants(child.pid)) tryKill(pid);
      tryKill(child.pid);
      await Promise.all([child.status, log.ended, says.ended]);
    },
  };
}

function tryKill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // it has ended
  }
}

interface Process {
  readonly pid: number;
  readonly command: string;
}

/** The processes that a process has started, and those that they have. */
async function descendants(pid: number): Promise<Process[]> {
  const listed = await outputOf("ps", "-ww", "-o", "pid=,args=", "--ppid", String(pid));
  const children = listed.split("\n").flatMap((line): Process[] => {
    const match = /^\s*(\d+) (.*)$/.exec(line);
    return match === null ? [] : [{ pid: Number(match[1]), command: match[2] ?? "" }];
  });
  const further = await Promise.all(children.map((child) => descendants(child.pid)));
  return [...children, ...further.flat()];
}

async function outputOf(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout);
}
