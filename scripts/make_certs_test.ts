import assert from "node:assert/strict";
import { openssl } from "../tests/support/openssl.ts";
import { flagsOfSet } from "./permission_sets.ts";

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
      /\n {2}curl --cacert certs\/development-ca.crt https:\/\/localhost:8443\/\n/,
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
    [["--host", "not a host"], '"not a host" is not a host name or an IP address'],
    [["--client", "../a"], '"../a" is not a name for a client certificate'],
    [["--days", "0"], "0 is no number of days; 1 to 3652 are"],
    [["--days", "ten"], '"ten" is no number of days'],
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

Deno.test("make_certs makes RSA keys and client certificates for so many days", async () => {
  await inTemporaryFolder(async (cwd) => {
    const wanted = [...["--host", "*.shop.test", "--rsa", "--days", "1"], ...CLIENTS];
    const first = await run(cwd, ...wanted);
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    const ca = `${cwd}/certs/development-ca.crt`;
    const files = [
      ["localhost-rsa", "sslserver", /DNS:\*\.shop\.test/],
      ["client-alice-rsa", "sslclient", /Subject: CN ?= ?alice\n/],
      ["client-bob@shop.test-rsa", "sslclient", /Subject: CN ?= ?bob@shop\.test\n/],
    ] as const;
    for (const [name, purpose, says] of files) {
      const cert = `${cwd}/certs/${name}.crt`;
      await openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, cert);
      const other = purpose === "sslserver" ? "sslclient" : "sslserver";
      await assert.rejects(openssl("verify", "-purpose", other, "-CAfile", ca, cert));
      const text = await openssl("x509", "-in", cert, "-noout", "-text");
      assert.match(text, says);
      assert.match(text, /Public-Key: \(2048 bit\)/);
      assert.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
      await openssl("x509", "-in", cert, "-noout", "-checkend", String(22 * 3600));
      await assert.rejects(openssl("x509", "-in", cert, "-noout", "-checkend", String(24 * 3600)));
    }
    for await (const { name } of Deno.readDir(`${cwd}/certs`)) {
      assert.equal((await Deno.stat(`${cwd}/certs/${name}`)).mode ?? 0, 0o100600, name);
    }

    const second = await run(cwd, ...wanted);
    assert.deepEqual(second.stdout.match(/^(?:Made|Kept)/gm), ["Kept", "Kept", "Kept"]);
    const longer = await run(cwd, "--rsa", "--days", "2", "--client", "alice");
    assert.deepEqual(longer.stdout.match(/^(?:Made|Kept)/gm), ["Made", "Made"]);
    const ecdsa = await run(cwd, "--client", "alice");
    assert.match(ecdsa.stdout, /^Made certs\/localhost\.crt .*\nMade certs\/client-alice\.crt /);
    assert.match(ecdsa.stdout, /\n {2}sudo .*certs\/development-ca\.crt/);
  });
});

const CLIENTS = ["--client", "alice", "--client=bob@shop.test"];

Deno.test("make_certs exits 1 with one line when it cannot be done", async () => {
  await inTemporaryFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/certs`, "");
    const { code, stderr } = await run(cwd);
    const message = "Cannot make a development certificate in certs: it is not a folder\n";
    assert.deepEqual([code, stderr], [1, message]);
  });
});

Deno.test("make_certs prints its usage when given --help", async () => {
  await inTemporaryFolder(async (cwd) => {
    const { code, stdout } = await run(cwd, "--help");
    assert.equal(code, 0);
    assert.match(stdout, /Usage: deno task certs \[--host NAME\]/);
  });
});

Deno.test("make_certs says nothing of a reader that is gone", async () => {
  await inTemporaryFolder(async (cwd) => {
    for (const args of [["--help"], []]) {
      await using child = command(cwd, args, { stdout: "piped", stderr: "piped" }).spawn();
      await child.stdout.cancel();
      const [{ code }, stderr] = await Promise.all([child.status, child.stderr.text()]);
      assert.deepEqual([code, stderr], [0, ""]);
    }
    assert.ok((await Deno.stat(`${cwd}/certs/localhost.crt`)).isFile);
  });
});

function command(cwd: string, args: readonly string[], more: Deno.CommandOptions): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--config", CONFIG],
      ...[...flagsOfSet("certs"), SCRIPT, ...args],
    ],
    cwd,
    env: { NO_COLOR: "1" },
    ...more,
  });
}

/** Runs the script with the permissions of `deno task certs`. */
async function run(
  cwd: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await command(cwd, args, {}).output();
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
