import assert from "node:assert/strict";
import { commandHere } from "../../tests/support/command_here.ts";
import type { CommandResult } from "../../tests/support/start_proxy.ts";
import { tlsListener } from "../../tests/support/tls_listener.ts";
import { DEFAULT_CONFIG } from "../config/defaults.ts";
import type { Config } from "../config/config.ts";
import { ProxyError } from "../core/errors.ts";

Deno.test("runCli() runs the proxy with what the flags say", async () => {
  const { code, config, stdout, stderr } = await run(
    ...["--listen", "[::1]:9443", "--backend", "127.0.0.1:1", "--backend", "127.0.0.1:2"],
    ...["--cert", "a.crt", "--key", "a.key", "--cert", "b.crt", "--key", "b.key"],
    ...["--mode", "tcp", "--engine", "openssl", "--log-level", "error"],
    ...["--no-access-log", "--no-tls-log"],
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(config?.listeners, [
    tlsListener({ listen: { host: "::1", port: 9443 }, mode: "tcp", engine: "openssl" }),
  ]);
  assert.deepEqual(config?.certificates, [
    { cert: "a.crt", key: "a.key", passphraseFile: undefined, hosts: undefined, default: false },
    { cert: "b.crt", key: "b.key", passphraseFile: undefined, hosts: undefined, default: false },
  ]);
  assert.equal(config?.backends.get("default")?.servers.length, 2);
  assert.deepEqual(config?.log, {
    ...DEFAULT_CONFIG.log,
    level: "error",
    access: false,
    tls: false,
  });
});

Deno.test("runCli() runs the demo without flags", async () => {
  const { code, config } = await run();
  assert.equal(code, 0);
  assert.deepEqual(config?.listeners[0]?.listen, { host: "127.0.0.1", port: 8443 });
  assert.equal(config?.backends.size, 0);
});

const WRONG: readonly [args: readonly string[], stderr: string][] = [
  [["--lisen", "a:1"], "unknown option '--lisen' (did you mean --listen?)"],
  [["--zzz"], "unknown option '--zzz', see --help"],
  [["check", "-c", "p.yaml"], "unknown option '-c', see --help"],
  [["run"], "unknown command 'run': without a command it runs, see --help"],
  [["etc/p.yaml"], "unknown command 'etc/p.yaml': write --config etc/p.yaml"],
  [
    ["check", "p.yml"],
    "too many arguments for 'check'. Expected 0 arguments but got 1: p.yml: write --config p.yml",
  ],
  [["--config", "p.yaml", "q.yaml"], "too many arguments. Expected 0 arguments but got 1: q.yaml"],
  [["chekc"], "unknown command 'chekc' (did you mean check?)"],
  [["help", "chekc"], "there is no such command to help with, see --help"],
  [["--engine", "deno", "chekc"], "too many arguments. Expected 0 arguments but got 1: chekc"],
  [["--listen"], "option '--listen <address>' argument missing"],
  [["--listen", "a:1", "--listen", "a:2"], "--listen is given twice"],
  [["--config", "a", "--config", "b"], "--config is given twice"],
  [["check", "--config", "a", "--config", "b"], "--config is given twice"],
  [["--mode", "http", "--mode", "tcp"], "--mode is given twice"],
  [["--engine", "auto", "--engine", "deno"], "--engine is given twice"],
  [["--log-level", "info", "--log-level", "info"], "--log-level is given twice"],
  [["explain", "--sni", "a", "--sni", "b"], "--sni is given twice"],
  [["explain", "--sni", "192.0.2.1", "a"], '--sni: "192.0.2.1" is not a host name'],
  [["explain", "--sni", "", "a"], '--sni: "" is not a host name'],
  [["--config", ""], "--config is empty: say which file"],
  [["check", "--config="], "--config is empty: say which file"],
  [
    ["--config", "p.yaml", "check"],
    "--config stands behind the command: write check --config <file>",
  ],
  [["--listen", ":1", "check", "--config", "p.yaml"], "--listen means nothing to check"],
  [
    ["permissions", "--config", "p.yaml", "--json", "--systemd"],
    "option '--json' cannot be used with option '--systemd'",
  ],
  [
    ["--mode", "htp"],
    "option '--mode <mode>' argument 'htp' is invalid. Allowed choices are http, tcp",
  ],
  [["explain", "--config", "p.yaml"], "missing required argument 'url'"],
  [["check"], "--config is missing: say which file"],
  [
    ["--config", "p.yaml", "--mode", "tcp"],
    "--mode cannot stand beside --config: say it in the file",
  ],
  [["check", "--confg", "x"], "unknown option '--confg' (did you mean --config?)"],
  [
    ["--cert", "a.crt", "--key", "a.key"],
    "--backend is missing: say where to forward to, such as 127.0.0.1:8000",
  ],
  [
    ["--backend", "unix:a"],
    '--backend: "unix:a": the path of a socket begins with /, such as unix:/run/app.sock',
  ],
];

Deno.test("runCli() tells wrong flags in one line and gives 2", async () => {
  for (const [args, line] of WRONG) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 2, stdout: "", stderr: `tls-proxy: ${line}\n` },
    );
  }
});

Deno.test("runCli() runs the proxy with a file, which it names", async () => {
  const { code, path, stderr } = await run("--config", "etc/proxy.yaml");
  assert.deepEqual({ code, path, stderr }, { code: 0, path: "etc/proxy.yaml", stderr: "" });
});

Deno.test("runCli() tells in one line that a file is not there, and gives 1", async () => {
  const CASES = [
    ["check", "--config", "none.yaml"],
    ["explain", "--config", "none.yaml", "https://a/"],
  ];
  for (const args of CASES) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.equal(
      stderr,
      "tls-proxy: Cannot read the configuration none.yaml: it does not exist " +
        `(seen from ${Deno.cwd()})\n`,
    );
  }
});

Deno.test("runCli() says in the help of explain which request it answers for", async () => {
  const { stdout } = await run("explain", "--help");
  assert.match(stdout, /^The request is a GET with no header field but Host\.$/m);
});

Deno.test("runCli() prints help and version on stdout", async () => {
  const help = await run("--help");
  assert.deepEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: "" });
  for (const words of ["--listen", "check", "explain", "permissions", "--mode tcp", "Examples:"]) {
    assert.ok(help.stdout.includes(words), words);
  }
  const version = await run("--version");
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\nDeno \d+\.\d+\.\d+, \S+, from source\n$/);
  for (const name of ["check", "explain", "permissions"]) {
    const command = await run(name, "--help");
    assert.deepEqual({ code: command.code, stderr: command.stderr }, { code: 0, stderr: "" });
    for (const words of ["--config <file>", `deno task proxy ${name} --config `]) {
      assert.ok(command.stdout.includes(words), `${name}: ${words}`);
    }
  }
});

Deno.test("runCli() tells a start-up error in one line, and gives 1", async () => {
  const { code, stderr } = await runWith(() => {
    throw new ProxyError("bad_config", "Cannot listen on 127.0.0.1:443: permission denied");
  });
  assert.equal(code, 1);
  assert.equal(stderr, "tls-proxy: Cannot listen on 127.0.0.1:443: permission denied\n");
});

Deno.test("runCli() shows the stack of a bug, and gives 1", async () => {
  const { code, stderr } = await runWith(() => {
    throw new TypeError("x is not a function");
  });
  assert.equal(code, 1);
  assert.match(stderr, /^tls-proxy: TypeError: x is not a function\n +at /);
});

interface Outcome extends CommandResult {
  readonly config: Config | undefined;
  readonly path: string | undefined;
}

function run(...args: readonly string[]): Promise<Outcome> {
  return runWith(() => {}, args);
}

async function runWith(start: () => void, args: readonly string[] = []): Promise<Outcome> {
  let config: Config | undefined;
  let path: string | undefined;
  const result = await commandHere(args, (source) => {
    if (source.kind === "flags") config = source.config;
    else path = source.path;
    start();
    return Promise.resolve(0);
  });
  return { ...result, config, path };
}
