import assert from "node:assert/strict";
import { openssl } from "../../tests/support/openssl.ts";
import { ProxyError } from "../core/errors.ts";
import { createAuthority, issueServerCertificate } from "./certificate_authority.ts";
import { loadCertificate } from "./certificate.ts";
import { ensureDevelopmentCertificate } from "./development_certificate.ts";

const DAY = 86_400_000;

test("ensureDevelopmentCertificate() makes a chain that openssl verifies", async (folder) => {
  const { ca, cert, created } = await ensureDevelopmentCertificate(folder);
  assert.equal(created, true);
  const verified = await openssl(
    ...["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"],
    ...["-CAfile", ca, cert],
  );
  assert.equal(verified, `${cert}: OK\n`);
  for (const address of ["127.0.0.1", "::1"]) {
    await openssl("verify", "-x509_strict", "-verify_ip", address, "-CAfile", ca, cert);
  }
});

test("ensureDevelopmentCertificate() sets what RFC 5280 asks of CA and leaf", async (folder) => {
  const { ca, cert } = await ensureDevelopmentCertificate(folder);
  const leafText = await openssl("x509", "-in", cert, "-noout", "-text");
  assert.match(leafText, /Version: 3/);
  assert.match(leafText, /Serial Number:\s+[4-7][0-9a-f](:[0-9a-f]{2}){15}\n/);
  assert.match(leafText, /NIST CURVE: P-256/);
  assert.match(leafText, /Basic Constraints: critical\s+CA:FALSE/);
  assert.match(leafText, /X509v3 Key Usage: critical\s+Digital Signature\n/);
  assert.match(leafText, /Extended Key Usage:\s+TLS Web Server Authentication\n/);
  assert.match(leafText, /DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1\n/);
  assert.match(leafText, /Subject Key Identifier:/);
  assert.match(leafText, /Authority Key Identifier:/);

  const caText = await openssl("x509", "-in", ca, "-noout", "-text");
  assert.match(caText, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  assert.match(caText, /X509v3 Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  assert.match(caText, /Subject Key Identifier:/);

  const authority = await loadCertificate({ cert: ca, key: `${folder}/development-ca.key` });
  const leaf = await loadCertificate({ cert, key: `${folder}/localhost.key` });
  assert.equal(days(leaf), 397);
  assert.equal(days(authority), 3652);
  assert.equal(leaf.certPem.match(/BEGIN/g)?.length, 2);
  assert.ok(leaf.certPem.endsWith(authority.certPem));
});

test("ensureDevelopmentCertificate() writes files for their owner alone", async (parent) => {
  const folder = `${parent}/deeper/certs`;
  await ensureDevelopmentCertificate(folder);
  assert.equal(await modeOf(folder), "700");
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  assert.deepEqual(names, [
    "development-ca.crt",
    "development-ca.key",
    "localhost.crt",
    "localhost.key",
  ]);
  for (const name of names) assert.equal(await modeOf(`${folder}/${name}`), "600", name);
});

test("ensureDevelopmentCertificate() keeps what is good", async (folder) => {
  const first = await ensureDevelopmentCertificate(folder, [
    "a.test",
    "*.A.test.",
    "2001:DB8:0::1",
    "b\u00fccher.test",
  ]);
  const before = await contents(folder);
  for (
    const hosts of [["a.test"], ["*.a.test", "2001:db8::1"], ["A.TEST.", "xn--bcher-kva.test"]]
  ) {
    assert.deepEqual(await ensureDevelopmentCertificate(folder, hosts), {
      ...first,
      created: false,
    });
  }
  assert.deepEqual(await contents(folder), before);
});

test("ensureDevelopmentCertificate() makes the leaf anew with the CA when", async (folder, t) => {
  const { cert, key } = await ensureDevelopmentCertificate(folder);
  const ca = { cert: `${folder}/development-ca.crt`, key: `${folder}/development-ca.key` };
  const authority = await loadCertificate(ca);
  const pem = { cert: authority.certPem, key: authority.keyPem };

  async function issue(from: number, to: number): Promise<void> {
    const issued = await issueServerCertificate(pem, {
      commonName: "test",
      hosts: ["localhost", "127.0.0.1", "::1"],
      notBefore: new Date(from),
      notAfter: new Date(to),
    });
    await Deno.writeTextFile(cert, issued.cert);
    await Deno.writeTextFile(key, issued.key);
  }

  const causes: Record<string, () => Promise<unknown>> = {
    "it is gone": () => Deno.remove(cert),
    "its key is gone": () => Deno.remove(key),
    "its key is another": () => Deno.copyFile(ca.key, key),
    "it is half a file": () => Deno.truncate(cert, 100),
    "it has expired": () => issue(Date.now() - 2 * DAY, Date.now() - DAY),
    "it expires within a day": () => issue(Date.now() - 2 * DAY, Date.now() + DAY - 60_000),
    "it is not yet valid": () => issue(Date.now() + DAY, Date.now() + 9 * DAY),
    "another CA has signed it": async () => {
      const other = await ensureDevelopmentCertificate(`${folder}/other`);
      await Deno.copyFile(other.cert, cert);
      await Deno.copyFile(other.key, key);
    },
  };
  for (const [cause, make] of Object.entries(causes)) {
    await t.step(cause, async () => {
      await make();
      assert.equal((await ensureDevelopmentCertificate(folder)).created, true);
      assert.equal((await ensureDevelopmentCertificate(folder)).created, false);
      assert.equal((await loadCertificate(ca)).fingerprint, authority.fingerprint);
      await openssl("verify", "-CAfile", ca.cert, cert);
    });
  }
  await t.step("a host is new", async () => {
    const hosts = ["localhost", "new.test"];
    assert.equal((await ensureDevelopmentCertificate(folder, hosts)).created, true);
    assert.deepEqual((await loadCertificate({ cert, key })).names, hosts);
    assert.equal((await loadCertificate(ca)).fingerprint, authority.fingerprint);
  });
});

test("ensureDevelopmentCertificate() keeps a leaf when the CA's key is gone", async (folder) => {
  await ensureDevelopmentCertificate(folder);
  await Deno.remove(`${folder}/development-ca.key`);
  assert.equal((await ensureDevelopmentCertificate(folder)).created, false);
});

test(
  "ensureDevelopmentCertificate() makes a new CA when the old cannot sign",
  async (folder, t) => {
    const paths = { cert: `${folder}/development-ca.crt`, key: `${folder}/development-ca.key` };
    await ensureDevelopmentCertificate(folder);

    const causes: Record<string, () => Promise<unknown>> = {
      "it is gone": () => Deno.remove(paths.cert),
      "its key is gone": async () => {
        await Deno.remove(paths.key);
        await Deno.remove(`${folder}/localhost.key`);
      },
      "it expires within a day": async () => {
        const short = await createAuthority({
          commonName: "short",
          notBefore: new Date(Date.now() - DAY),
          notAfter: new Date(Date.now() + DAY / 2),
        });
        await Deno.writeTextFile(paths.cert, short.cert);
        await Deno.writeTextFile(paths.key, short.key);
      },
      "it is no CA": async () => {
        await Deno.copyFile(`${folder}/localhost.crt`, paths.cert);
        await Deno.copyFile(`${folder}/localhost.key`, paths.key);
      },
    };
    for (const [cause, make] of Object.entries(causes)) {
      await t.step(cause, async () => {
        await make();
        const { ca, cert, created } = await ensureDevelopmentCertificate(folder);
        assert.equal(created, true);
        assert.equal(days(await loadCertificate(paths)), 3652);
        await openssl("verify", "-x509_strict", "-CAfile", ca, cert);
      });
    }
  },
);

test("ensureDevelopmentCertificate() ends the leaf with the CA at the latest", async (folder) => {
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 30 * DAY);
  const authority = await createAuthority({ commonName: "CA", notBefore: new Date(), notAfter });
  await Deno.writeTextFile(`${folder}/development-ca.crt`, authority.cert);
  await Deno.writeTextFile(`${folder}/development-ca.key`, authority.key);
  const { cert, key } = await ensureDevelopmentCertificate(folder);
  assert.deepEqual((await loadCertificate({ cert, key })).notAfter, notAfter);
});

test("ensureDevelopmentCertificate() writes once when called many times at once", async (folder) => {
  const all = await Promise.all(
    Array.from({ length: 8 }, () => ensureDevelopmentCertificate(`${folder}/certs`)),
  );
  assert.equal(all.filter(({ created }) => created).length, 1);
  assert.equal((await contents(`${folder}/certs`)).length, 4);
});

test("ensureDevelopmentCertificate() writes once when processes call it at once", async (folder) => {
  const all = await Promise.all(Array.from({ length: 4 }, () => runWithPermissions(folder)));
  assert.deepEqual(all.map(({ code, stderr }) => [code, stderr]), Array(4).fill([0, ""]));
  assert.equal(all.filter(({ stdout }) => stdout === "true").length, 1);
  assert.equal((await contents(`${folder}/certs`)).length, 4);
});

test("ensureDevelopmentCertificate() says so when the folder cannot be", async (folder) => {
  await Deno.writeTextFile(`${folder}/file`, "");
  for (const path of [`${folder}/file`, `${folder}/file/certs`]) {
    const error = await refusal(ensureDevelopmentCertificate(path));
    assert.equal(
      error.message,
      `Cannot make a development certificate in ${path}: it is not a folder`,
    );
  }
});

test("ensureDevelopmentCertificate() replaces nothing that it cannot read", async (folder) => {
  await ensureDevelopmentCertificate(folder);
  const there = await contents(folder);
  for (const [name] of there) {
    // root reads whatever may not be read, but no link that leads to itself
    const path = `${folder}/${name}`;
    await Deno.rename(path, `${path}.kept`);
    await Deno.symlink(path, path);
    // the CA's key is read where a leaf is to be made
    const { message } = await refusal(ensureDevelopmentCertificate(folder, ["new.test"]));
    assert.match(message, /its links lead to each other/, name);
    await Deno.rename(`${path}.kept`, path);
  }
  assert.deepEqual(await contents(folder), there);
});

Deno.test({
  name: "ensureDevelopmentCertificate() says so when it is not granted to write",
  permissions: { read: true, write: false },
  fn: async () => {
    // nobody else's who runs without that rule
    const folder = `/tmp/not-granted-${crypto.randomUUID()}`;
    const { message } = await refusal(ensureDevelopmentCertificate(folder));
    assert.ok(message.startsWith(`Cannot make a development certificate in ${folder}: `), message);
    assert.match(message, /--allow-write/);
  },
});

for (
  const host of [
    "",
    "a b",
    "a/b",
    "a..b",
    "*",
    "*.*.a",
    "1.2.3",
    "1.2.3.999",
    "[::1]",
    "::g",
    "b\u00fc b",
  ]
) {
  test(`ensureDevelopmentCertificate() refuses "${host}" for a host`, async (folder) => {
    const error = await refusal(ensureDevelopmentCertificate(folder, ["a.test", host]));
    assert.equal(error.message, `"${host}" is not a host name or an IP address`);
    assert.deepEqual(await contents(folder), []);
  });
}

test("ensureDevelopmentCertificate() throws RangeError when there is no host", async (folder) => {
  await assert.rejects(ensureDevelopmentCertificate(folder, []), RangeError);
});

function test(
  name: string,
  fn: (folder: string, t: Deno.TestContext) => Promise<void>,
): void {
  Deno.test(name, async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "development_certificate_test" });
    try {
      await fn(folder, t);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A process that has the permissions of `deno task proxy` for files, and prints `created`. */
async function runWithPermissions(
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const source = new URL("./development_certificate.ts", import.meta.url).href;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const code = `import { ensureDevelopmentCertificate } from "${source}";
    const { created } = await ensureDevelopmentCertificate("certs");
    Deno.stdout.writeSync(new TextEncoder().encode(String(created)));`;
  await Deno.writeTextFile(`${cwd}/main.ts`, code);
  const output = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--no-check", "--config", config],
      ...["--allow-read", "--allow-write=certs", "--ignore-env", "main.ts"],
    ],
    cwd,
  }).output();
  return {
    code: output.code,
    stdout: new TextDecoder().decode(output.stdout),
    stderr: new TextDecoder().decode(output.stderr),
  };
}

async function refusal(promise: Promise<unknown>): Promise<ProxyError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof ProxyError, `not refused: ${Deno.inspect(error)}`);
  assert.equal(error.code, "bad_config");
  return error;
}

async function contents(folder: string): Promise<[name: string, text: string][]> {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  return await Promise.all(
    names.map(async (name): Promise<[string, string]> => [
      name,
      await Deno.readTextFile(`${folder}/${name}`),
    ]),
  );
}

async function modeOf(path: string): Promise<string> {
  return ((await Deno.stat(path)).mode ?? 0).toString(8).slice(-3);
}

function days({ notBefore, notAfter }: { notBefore: Date; notAfter: Date }): number {
  return (notAfter.getTime() - notBefore.getTime()) / DAY;
}
