import assert from "node:assert/strict";
import { ask } from "./support/ask.ts";
import { startNamed } from "./support/backends.ts";
import { fingerprintOf, issueCertificate, testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { reload } from "./support/configured_proxy.ts";
import { openssl } from "./support/openssl.ts";
import { ENGINES, type ProxyProcess } from "./support/start_proxy.ts";

const { ec, ca } = await testCertificates();

const RENEWED = /^tls-proxy: reloaded \(changed certificate files\): 1 certificate changed, /;

Deno.test("a renewed certificate is served however it gets into its place", async () => {
  await using backend = await startNamed("one");
  await using file = await folderWith({ server: backend.address, cert: "tls.crt", key: "tls.key" });
  // as certbot does, with one link more: tls.crt -> live.crt -> archive/1.crt
  const { folder } = file;
  await Deno.mkdir(`${folder}/archive`);
  await file.putCertificate("archive/1", ec);
  for (const end of ["crt", "key"]) {
    await Deno.symlink(`archive/1.${end}`, `${folder}/live.${end}`);
    await Deno.symlink(`live.${end}`, `${folder}/tls.${end}`);
  }
  await using proxy = await file.start();
  const WAYS: readonly [
    what: string,
    put: (path: string, by: string, end: string) => Promise<unknown>,
  ][] = [
    ["a target that is written in place", (_, by, end) => {
      return Deno.copyFile(by, `${folder}/archive/1.${end}`);
    }],
    ["a link in the middle that is made anew", async (_, by, end) => {
      await Deno.copyFile(by, `${folder}/archive/2.${end}`);
      await Deno.remove(`${folder}/live.${end}`);
      await Deno.symlink(`archive/2.${end}`, `${folder}/live.${end}`);
    }],
    ["the link itself, made anew", async (path, by, end) => {
      await Deno.copyFile(by, `${folder}/archive/3.${end}`);
      await Deno.remove(path);
      await Deno.symlink(`archive/3.${end}`, path);
    }],
    ["a link that is replaced at once", async (path, by, end) => {
      await Deno.copyFile(by, `${folder}/archive/4.${end}`);
      await Deno.symlink(`archive/4.${end}`, `${path}.new`);
      await Deno.rename(`${path}.new`, path);
    }],
    ["a file in the place of a link", async (path, by) => {
      await Deno.remove(path);
      await Deno.copyFile(by, path);
    }],
  ];
  for (const [index, [what, put]] of WAYS.entries()) {
    const next = await issueCertificate({ names: ["localhost"] });
    await put(`${folder}/tls.crt`, next.cert, "crt");
    await put(`${folder}/tls.key`, next.key, "key");
    await proxy.says.count(RENEWED, index + 1);
    assert.equal(await given(proxy), await fingerprintOf(next), what);
  }
  assert.deepEqual(proxy.says.matching(/not reloaded/), []);
});

for (const engine of ENGINES) {
  Deno.test(`a repaired chain is served with the same leaf, and a signal says so (${engine})`, async () => {
    await using backend = await startNamed("one");
    await using file = await folderWith({ server: backend.address, engine });
    await file.putCertificate("a", ec);
    await using proxy = await file.start();
    const leaf = await Deno.readTextFile(ec.cert);
    const issuer = await Deno.readTextFile(ca);
    assert.equal(await chainLength(proxy), 1);
    await Deno.writeTextFile(`${file.folder}/a.crt`, leaf + issuer);
    await proxy.says.first(RENEWED);
    assert.equal(await chainLength(proxy), 2);
    await file.write((await Deno.readTextFile(file.path)) + "\nwatch: { certificates: false }");
    assert.match(await reload(proxy), /\(SIGHUP\): watch changed, /);
    await Deno.writeTextFile(`${file.folder}/a.crt`, leaf);
    assert.match(await reload(proxy), /\(SIGHUP\): 1 certificate changed, /);
    assert.equal(await chainLength(proxy), 1);
    await Deno.writeTextFile(`${file.folder}/a.crt`, `# a remark\n${leaf}`);
    assert.match(await reload(proxy), /\(SIGHUP\): nothing has changed$/);
  });
}

Deno.test("neither a pipe nor a busy neighbour in its folder keeps a certificate from being renewed", async () => {
  await using backend = await startNamed("one");
  await using file = await folderWith({
    server: backend.address,
    more: "log: { file: proxy.log }\nwatch: { config: true }",
  });
  await file.putCertificate("a", ec);
  await using proxy = await file.start({ grants: [`--allow-write=${file.folder}/proxy.log`] });
  await makePipe(`${file.folder}/pipe`);
  let busy = true;
  const neighbour = (async () => {
    while (busy) {
      await Deno.writeTextFile(`${file.folder}/other.log`, "a line\n", { append: true });
      await ask(proxy.port, { sni: "localhost" });
    }
  })();
  for (const count of [1, 2]) {
    const next = await issueCertificate({ names: ["localhost"] });
    await file.putCertificate("a", next);
    await proxy.says.count(RENEWED, count);
    assert.equal(await given(proxy), await fingerprintOf(next));
  }
  busy = false;
  await neighbour;
  assert.deepEqual(proxy.says.matching(/changed configuration file/), []);
});

Deno.test("a pipe in a certificate's place is refused, and what comes after it is taken", async () => {
  await using backend = await startNamed("one");
  await using file = await folderWith({ server: backend.address });
  await file.putCertificate("a", ec);
  await using proxy = await file.start();
  await Deno.remove(`${file.folder}/a.crt`);
  await makePipe(`${file.folder}/a.crt`);
  await proxy.says.first(
    /^tls-proxy: Cannot read the certificate: .*a\.crt is a pipe, not a file$/,
  );
  await proxy.says.first(/^tls-proxy: not reloaded \(changed certificate files\): /);
  assert.equal(await given(proxy), await fingerprintOf(ec));
  const next = await issueCertificate({ names: ["localhost"] });
  await Deno.remove(`${file.folder}/a.crt`);
  await file.putCertificate("a", next);
  await proxy.says.first(RENEWED);
  assert.equal(await given(proxy), await fingerprintOf(next));
});

interface Parts {
  readonly server: string;
  readonly engine?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly more?: string;
}

function folderWith(
  { server, engine = "auto", cert = "a.crt", key = "a.key", more = "" }: Parts,
): Promise<ConfigFile> {
  return ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:0", engine: ${engine} }]
certificates: [{ cert: ${cert}, key: ${key} }]
backends: { one: { servers: ["${server}"] } }
routes: [{ backend: one }]
${more}`);
}

/** The fingerprint of the certificate that a client gets. */
async function given({ port }: ProxyProcess): Promise<string> {
  return (await ask(port, { sni: "localhost" })).fingerprint;
}

/** How many certificates the proxy sends. */
async function chainLength({ port }: ProxyProcess): Promise<number> {
  const shown = await openssl(
    ...["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost", "-showcerts"],
  );
  return shown.split("-----BEGIN CERTIFICATE-----").length - 1;
}

async function makePipe(path: string): Promise<void> {
  const { code } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.equal(code, 0);
}
