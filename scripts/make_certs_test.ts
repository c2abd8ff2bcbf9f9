import assert from "node:assert/strict";
import { openssl } from "../tests/support/openssl.ts";

const SCRIPT = new URL("./make_certs.ts", import.meta.url).pathname;
const CONFIG = new URL("../deno.json", import.meta.url).pathname;

Deno.test("make_certs makes the files, then keeps them", async () => {
  await inTemporaryFolder(async (cwd) => {
    const first = await run(cwd, "--host", "shop.test", "--host=10.1.2.3");
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    assert.match(
      first.stdout,
      /^Made certs\/localhost.crt and certs\/localhost.key for .*localhost.*shop.test, 10.1.2.3\n/,
    );
    assert.match(
      first.stdout,
      /\n {2}curl --cacert certs\/development-ca.crt https:\/\/localhost:8443\/\n$/,
    );
    const text = await openssl("x509", "-in", `${cwd}/certs/localhost.crt`, "-noout", "-text");
    assert.match(text, /DNS:shop\.test, IP Address:10\.1\.2\.3/);

    const second = await run(cwd);
    assert.deepEqual([second.code, second.stderr], [0, ""]);
    assert.match(second.stdout, /^Kept certs\/localhost.crt /);
  });
});

for (
  const [args, message] of [
    [["--hots", "a"], "Unknown option '--hots'"],
    [["shop.test"], "Unexpected argument 'shop.test'"],
    [["--host"], "Option '--host <value>' argument missing"],
    [["--host", "--help"], "Option '--host' argument is ambiguous"],
  ] as const
) {
  Deno.test(`make_certs exits 2 with one line when given ${args.join(" ")}`, async () => {
    await inTemporaryFolder(async (cwd) => {
      const { code, stdout, stderr } = await run(cwd, ...args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^[^\n]+; see deno task certs --help\n$/);
      assert.ok(stderr.startsWith(message), stderr);
    });
  });
}

Deno.test("make_certs exits 1 with one line when a host is none", async () => {
  await inTemporaryFolder(async (cwd) => {
    const { code, stderr } = await run(cwd, "--host", "not a host");
    assert.equal(code, 1);
    assert.equal(stderr, '"not a host" is not a host name or an IP address\n');
  });
});

Deno.test("make_certs prints its usage when given --help", async () => {
  await inTemporaryFolder(async (cwd) => {
    const { code, stdout } = await run(cwd, "--help");
    assert.equal(code, 0);
    assert.match(stdout, /Usage: deno task certs \[--host NAME\]/);
  });
});

/** Runs the script with the permissions of `deno task certs`. */
async function run(
  cwd: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--config", CONFIG],
      ...["--allow-read", "--allow-write=certs", "--ignore-env", SCRIPT, ...args],
    ],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  return {
    code: output.code,
    stdout: new TextDecoder().decode(output.stdout),
    stderr: new TextDecoder().decode(output.stderr),
  };
}

async function inTemporaryFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "make_certs_test" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
