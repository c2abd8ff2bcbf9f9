import assert from "node:assert/strict";
import { accountKey } from "../../tests/support/account_key.ts";
import { ProxyError } from "../core/errors.ts";
import { AcmeStore, NO_FAILURE } from "./store.ts";
import { certificateFiles } from "./store_layout.ts";

const DIRECTORY = "https://ca.example.com:14000/dir/v2";

Deno.test("AcmeStore keeps accounts, certificates and failures over a restart", async () => {
  const folder = `${await Deno.makeTempDir()}/store`;
  const store = new AcmeStore(folder);
  await store.open();
  assert.equal(await store.account(DIRECTORY), undefined);
  assert.equal(await store.certificate("a.test"), undefined);
  assert.deepEqual(await store.state("a.test"), NO_FAILURE);
  const account = { key: accountKey(), url: "https://ca.example.com/acct/1" };
  await store.saveAccount(DIRECTORY, account);
  await store.saveCertificate("a.test", { chain: "CHAIN", key: "KEY" });
  await store.saveState("a.test", { failures: 2, notBefore: 3, reason: "no" });

  const again = new AcmeStore(folder);
  await again.open();
  assert.deepEqual(await again.account(DIRECTORY), account);
  assert.equal(await again.account("https://other.example.com/dir"), undefined);
  assert.deepEqual(await again.certificate("a.test"), { chain: "CHAIN", key: "KEY" });
  assert.deepEqual(await again.state("a.test"), { failures: 2, notBefore: 3, reason: "no" });
  assert.equal(await again.order("a.test"), undefined);
  const order = { directory: DIRECTORY, url: "https://ca/1", names: ["a.test"], key: "KEY" };
  await again.saveOrder("a.test", order);
  assert.deepEqual(await new AcmeStore(folder).order("a.test"), order);
  for (let i = 0; i < 2; i++) await again.saveOrder("a.test", undefined);
  assert.equal(await again.order("a.test"), undefined);
  const { cert, key } = certificateFiles(folder, ["a.test", "b.test"]);
  assert.deepEqual([await Deno.readTextFile(cert), await Deno.readTextFile(key)], ["CHAIN", "KEY"]);
  for (const path of [key, cert]) assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("AcmeStore keeps the pair that it has where a new one cannot be written whole", async () => {
  const folder = `${await Deno.makeTempDir()}/store`;
  const store = new AcmeStore(folder);
  await store.open();
  await store.saveCertificate("a.test", { chain: "CHAIN", key: "KEY" });
  const source = new URL("./store.ts", import.meta.url).href;
  const code = `import { AcmeStore } from "${source}";
    const issued = { chain: "C".repeat(100_000), key: "K" };
    await new AcmeStore("${folder}").saveCertificate("a.test", issued).catch(({ message }) => {
      Deno.stdout.writeSync(new TextEncoder().encode(message));
    });`;
  await Deno.writeTextFile(`${folder}/main.ts`, code);
  // a file may have 64 units of 512 or 1024 bytes: like a full disk, that takes a part of a write
  const script = `trap "" XFSZ; ulimit -f 64; exec "$0" "$@"`;
  const args = ["run", "-q", "--no-prompt", "--no-check", `--allow-read=${folder}`];
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), ...args, `--allow-write=${folder}`, `${folder}/main.ts`],
  }).output();
  const [told, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.match(told ?? "", /^Cannot keep certificates in .*: File too large/, `${errors}`);
  assert.deepEqual(await store.certificate("a.test"), { chain: "CHAIN", key: "KEY" });
  await store.saveCertificate("a.test", { chain: "NEXT", key: "KEY2" });
  assert.deepEqual(await store.certificate("a.test"), { chain: "NEXT", key: "KEY2" });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("AcmeStore closes an empty folder to others", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  await new AcmeStore(folder).open();
  assert.equal(((await Deno.stat(folder)).mode ?? 0) & 0o777, 0o700);
  await Deno.remove(folder);
});

Deno.test("AcmeStore takes damaged files for none", async () => {
  const folder = `${await Deno.makeTempDir()}/store`;
  const store = new AcmeStore(folder);
  await store.open();
  await store.saveState("a.test", NO_FAILURE);
  await store.saveAccount(DIRECTORY, { key: "PEM", url: undefined });
  const [account] = [...Deno.readDirSync(`${folder}/accounts`)];
  for (const text of ["", "{", "[]", "null", '{"failures":"x"}']) {
    await Deno.writeTextFile(`${folder}/a.test/state.json`, text);
    await Deno.writeTextFile(`${folder}/accounts/${account?.name}`, text);
    await Deno.writeTextFile(`${folder}/a.test/order.json`, text);
    assert.deepEqual(await store.state("a.test"), NO_FAILURE);
    assert.equal(await store.account(DIRECTORY), undefined);
    assert.equal(await store.order("a.test"), undefined);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("AcmeStore refuses a folder of others, and one that cannot be made", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  await Deno.writeTextFile(`${folder}/other`, "");
  await assert.rejects(new AcmeStore(folder).open(), (error) => {
    assert.ok(error instanceof ProxyError);
    return /chmod 700/.test(error.message);
  });
  await Deno.writeTextFile(`${folder}/file`, "");
  await assert.rejects(new AcmeStore(`${folder}/file/store`).open(), ProxyError);
  await Deno.remove(folder, { recursive: true });
});
