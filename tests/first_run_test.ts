import assert from "node:assert/strict";
import { eventually } from "./support/deadline.ts";
import { NotStarted, type ProxyProcess, startProxy, stopProxy } from "./support/start_proxy.ts";
import { run, runOk } from "./support/tools.ts";

Deno.test("the first run needs nothing: no flag, no certificate, no backend", async () => {
  const cwd = await Deno.makeTempDir({ prefix: "tls-proxy-first-run-" });
  try {
    await using proxy = await startWithoutFlags(cwd);
    assert.equal(proxy.port, 8443);
    const [, command = ""] = await proxy.says.first(/^tls-proxy: try: (curl .*)$/);
    assert.match(
      proxy.says.text,
      /^tls-proxy: no --cert: the development certificate certs\/localhost\.crt, made now$/m,
    );

    // as printed, where it was printed
    const [tool, ...args] = command.split(" ");
    assert.equal(tool, "curl");
    const shown = await runOk("curl", ["-sS", ...args], { cwd });
    assert.match(shown, /^GET \/ HTTP\/1\.1\n/);
    assert.match(shown, /^host: localhost:8443$/m);
    assert.match(shown, /^x-forwarded-for: 127\.0\.0\.1$/m);
    assert.match(shown, /^x-forwarded-proto: https$/m);
    assert.match(shown, /^x-forwarded-port: 8443$/m);
    assert.match(shown, /^user-agent: curl\//m);
    const posted = await runOk("curl", ["-sS", "-d", "a=b", ...args], { cwd });
    assert.match(posted, /^POST \/ HTTP\/1\.1\n[^]*\na=b\n$/);

    const stranger = await run("curl", ["-sS", args.at(-1) ?? ""], { cwd });
    assert.equal(stranger.code, 60, "nobody trusts it who is not told to");
    assert.equal(await stopProxy(proxy), 0);

    const files = await filesOf(`${cwd}/certs`);
    assert.deepEqual([...files.keys()].sort(), [
      ...["development-ca.crt", "development-ca.key", "localhost.crt", "localhost.key"],
    ]);
    for (const [name, { mode }] of files) assert.equal(mode, 0o600, name);
    const { mode } = await Deno.stat(`${cwd}/certs`);
    assert.equal((mode ?? 0) & 0o777, 0o700);

    await using again = await startWithoutFlags(cwd);
    await again.says.first(/ the development certificate certs\/localhost\.crt, made earlier$/);
    assert.match(await runOk("curl", ["-sS", ...args], { cwd }), /^GET \/ HTTP\/1\.1\n/);
    assert.deepEqual(await filesOf(`${cwd}/certs`), files);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("the proxy says in one line why it cannot start", async () => {
  await using taken = await startProxy(["--listen", "127.0.0.1:0"]);
  const CASES: readonly [flags: readonly string[], code: number, line: RegExp][] = [
    [["--listen", `127.0.0.1:${taken.port}`], 1, /^tls-proxy: Cannot listen on 127\.0\.0\.1:\d+: /],
    [["--lisen", ":1"], 2, /^tls-proxy: unknown option '--lisen' \(did you mean --listen\?\)$/],
    [
      ["--backend", "127.0.0.1:1", "--cert", "no.crt", "--key", "no.key"],
      1,
      /^tls-proxy: Cannot read the certificate: no\.crt does not exist$/,
    ],
  ];
  for (const engine of ["openssl", "deno"]) {
    for (const [flags, code, line] of CASES) {
      const failed = await startProxy([...flags, "--engine", engine]).catch((error) => error);
      assert.ok(failed instanceof NotStarted, String(failed));
      assert.equal(failed.code, code);
      assert.equal(failed.says.length, 1, failed.message);
      assert.match(failed.says[0] ?? "", line);
    }
  }
});

/** Waits its turn: without flags there is but one port, which something else may have just now. */
function startWithoutFlags(cwd: string): Promise<ProxyProcess> {
  return eventually(async () => {
    try {
      return await startProxy([], { cwd });
    } catch (error) {
      if (!(error instanceof NotStarted) || !/Cannot listen/.test(error.message)) throw error;
      return undefined;
    }
  }, "port 8443 to be free");
}

async function filesOf(folder: string): Promise<Map<string, { mode: number; text: string }>> {
  const files = new Map<string, { mode: number; text: string }>();
  for await (const { name } of Deno.readDir(folder)) {
    const { mode } = await Deno.stat(`${folder}/${name}`);
    files.set(name, {
      mode: (mode ?? 0) & 0o777,
      text: await Deno.readTextFile(`${folder}/${name}`),
    });
  }
  return files;
}
