import assert from "node:assert/strict";
import { createTestAuthority } from "../../tests/support/authority.ts";
import { issueCertificate, RSA, testCertificates } from "../../tests/support/certificates.ts";
import { certificateYaml, ConfigFile, plainYaml } from "../../tests/support/config_file.ts";
import { ProxyError } from "../core/errors.ts";
import type { ProxyEvent } from "../core/event.ts";
import { loadCertificate } from "../certificates/certificate.ts";
import { loadConfigFile } from "./load.ts";
import { loadFiles } from "./load_files.ts";
import { Reloader } from "./reloader.ts";
import type { LoadedConfig } from "./snapshot.ts";

const { ec } = await testCertificates();

const yaml = (port: number) => plainYaml(port, ec);

/** A reloader whose target only notes what it is given. */
async function reloading(file: ConfigFile, { byFlags = false } = {}) {
  const { loaded } = await loadConfigFile(file.path, { now: new Date(), expiredIsError: false });
  assert.ok(loaded !== undefined);
  const events: ProxyEvent[] = [];
  const target = {
    path: byFlags ? undefined : file.path,
    applied: [] as LoadedConfig[],
    inForce: [] as LoadedConfig[],
    running: 0,
    fail: false,
    async apply(next: LoadedConfig) {
      assert.equal(++target.running, 1, "one at a time");
      await new Promise((resolve) => setTimeout(resolve, 0));
      target.running--;
      if (target.fail) throw new ProxyError("bad_config", "Cannot listen");
      target.applied.push(next);
      return ["something changed"];
    },
    onApplied: (current: LoadedConfig) => void target.inForce.push(current),
    lost: 0,
    onLost: () => void target.lost++,
    observe: (event: ProxyEvent) => void events.push(event),
  };
  const portOf = ({ config }: LoadedConfig) => config.listeners[0]?.listen.port;
  return { reloader: new Reloader(loaded, target), target, events, portOf };
}

Deno.test("reload() takes what the file says and tells what has changed", async () => {
  await using file = await ConfigFile.create(yaml(1));
  const { reloader, target, events, portOf } = await reloading(file);
  await file.write(yaml(2).replace('["127.0.0.1:1"]', '["127.0.0.1:1", "127.0.0.1:1"]'));
  await reloader.reload("SIGHUP");
  assert.deepEqual(target.applied.map(portOf), [2]);
  assert.deepEqual(target.inForce, target.applied);
  assert.deepEqual(events, [{
    kind: "reloaded",
    reason: "SIGHUP",
    changes: ["something changed"],
    warnings: [`${file.path}:3:45: warning: "one" has 127.0.0.1:1 already`],
  }]);
});

Deno.test("reload() keeps what there is when the file, its tests or the taking fail", async () => {
  await using file = await ConfigFile.create(yaml(1));
  const { reloader, target, events } = await reloading(file);
  await file.write(`${yaml(2)}tests: [{ host: localhost, expect: { status: 404 } }]\n`);
  await reloader.reload("SIGHUP");
  await file.write(yaml(99_999));
  await reloader.reload("SIGHUP");
  await Deno.remove(file.path);
  await reloader.reload("SIGHUP");
  target.fail = true;
  await file.write(yaml(3));
  await reloader.reload("SIGHUP");
  assert.deepEqual(target.applied, []);
  assert.deepEqual(target.inForce, []);
  const said = events.map((event) => event.kind === "reload_failed" ? event.problems : event.kind);
  assert.deepEqual(said, [
    [`${file.path}:5:46: test failed: expected status 404, it goes to "one"`],
    [
      `${file.path}:1:23: "127.0.0.1:99999" is not an address: a port is at most 65535; ` +
      "write 127.0.0.1:8443 or [::1]:8443",
    ],
    [`Cannot read the configuration ${file.path}: it does not exist`],
    ["Cannot listen"],
  ]);
});

Deno.test("stop() has nothing new be taken, also of what is being read", async () => {
  await using file = await ConfigFile.create(yaml(1));
  const { reloader, target, events } = await reloading(file);
  await file.write(yaml(2));
  const begun = reloader.reload("changed configuration file");
  reloader.stop();
  await begun;
  await reloader.reload("SIGHUP");
  assert.deepEqual(target.applied, []);
  assert.deepEqual(
    events,
    ["changed configuration file", "SIGHUP"].map((reason) => ({
      kind: "reload_failed",
      reason,
      problems: ["The proxy is stopping"],
    })),
  );
});

Deno.test("reload() runs one at a time, and once for all that wait", async () => {
  await using file = await ConfigFile.create(yaml(1));
  const { reloader, target, portOf } = await reloading(file);
  const reloads = [reloader.reload("SIGHUP")];
  // the first has begun by now, the others wait for it
  await Promise.resolve();
  await file.replace(yaml(2));
  for (let i = 0; i < 5; i++) reloads.push(reloader.reload("SIGHUP"));
  await Promise.all(reloads);
  assert.equal(target.applied.length, 2);
  assert.deepEqual(target.applied.map(portOf).at(-1), 2);
});

Deno.test("reload() is over with the one that it waited with, whatever comes behind it", async () => {
  await using file = await ConfigFile.create("");
  await file.putCertificate("a", ec);
  const whole = yaml(1).replace(certificateYaml(ec), "{ cert: a.crt, key: a.key }");
  await file.write(whole);
  const { reloader, events } = await reloading(file);
  void reloader.reload("SIGHUP");
  // it has begun by now
  await Promise.resolve();
  await file.putCertificate("a", await issueCertificate({ names: ["localhost"] }));
  const first = reloader.reload("changed configuration file");
  const files = reloader.reloadFiles("changed certificate files");
  const second = reloader.reload("POST /reload");
  await file.write("nothing of the kind");
  await Promise.race([second, files]);
  assert.equal(events.at(-1)?.kind, "reload_failed");
  await Promise.all([first, second, files]);
});

Deno.test("reloadFiles() takes new certificates, and files only touched are no news", async () => {
  await using file = await ConfigFile.create("");
  await file.putCertificate("a", ec);
  await file.write(yaml(1).replace(certificateYaml(ec), "{ cert: a.crt, key: a.key }"));
  const { reloader, target, events } = await reloading(file);
  await reloader.reloadFiles("changed certificate files");
  assert.deepEqual(events, []);
  await file.putCertificate("a", await issueCertificate({ names: ["localhost"] }));
  await reloader.reloadFiles("changed certificate files");
  assert.equal(events.length, 1);
  assert.equal(target.applied.length, 1);
  await reloader.reloadFiles("changed certificate files");
  assert.equal(target.applied.length, 1);
});

Deno.test("reload() reads the certificates alone when flags made the configuration", async () => {
  await using file = await ConfigFile.create(yaml(1));
  const { reloader, target, events, portOf } = await reloading(file, { byFlags: true });
  await file.write(yaml(2));
  await reloader.reload("SIGHUP");
  assert.deepEqual(target.applied.map(portOf), [1]);
  assert.equal(events[0]?.kind, "reloaded");
});

Deno.test("reloadFiles() reads what has changed alone, unless somebody asks", async () => {
  await using file = await ConfigFile.create("");
  await file.putCertificate("a", ec);
  await file.putCertificate("b", ec);
  const two = "{ cert: a.crt, key: a.key }, { cert: b.crt, key: b.key }";
  await file.write(yaml(1).replace(certificateYaml(ec), two));
  const { reloader, target } = await reloading(file);
  await file.putCertificate("b", await issueCertificate({ names: ["localhost"] }));
  await reloader.reloadFiles("changed certificate files");
  await reloader.reloadFiles("SIGHUP");
  const [first, second] = target.applied;
  const { loaded } = await loadConfigFile(file.path, { now: new Date(), expiredIsError: false });
  assert.deepEqual(first?.certificates, loaded?.certificates);
  assert.deepEqual(second?.certificates, loaded?.certificates);
  await Deno.writeTextFile(`${file.folder}/b.key`, "");
  await reloader.reloadFiles("SIGHUP");
  assert.equal(target.applied.length, 2);
  assert.notEqual(second?.certificates[0], first?.certificates[0]);
});

Deno.test("reloadFiles() takes what can be read, whatever another file has come to", async () => {
  await using file = await ConfigFile.create("");
  await file.putCertificate("a", ec);
  await file.putCertificate("b", ec);
  const two = "{ cert: a.crt, key: a.key }, { cert: b.crt, key: b.key }";
  await file.write(yaml(1).replace(certificateYaml(ec), two));
  const { reloader, target, events } = await reloading(file);
  await reloader.reloadFiles("SIGHUP");
  await Deno.writeTextFile(`${file.folder}/a.crt`, "");
  await file.putCertificate("b", await issueCertificate({ names: ["localhost"] }));
  await reloader.reloadFiles("changed certificate files");
  const [before, after] = target.inForce;
  assert.deepEqual(after?.certificates[0], before?.certificates[0]);
  assert.notEqual(after?.certificates[1]?.digest, before?.certificates[1]?.digest);
  const event = events.at(-1);
  assert.match(String(event?.kind === "reloaded" && event.warnings), /a\.crt holds no certificate/);
  // nor is one waited for that the engine does not serve
  const weak = await issueCertificate({ names: ["localhost"], newKey: [...RSA, "-sha1"] });
  await file.putCertificate("a", weak);
  await file.putCertificate("b", ec);
  await reloader.reloadFiles("changed certificate files");
  const last = target.inForce.at(-1);
  assert.deepEqual(last?.certificates[0], before?.certificates[0]);
  assert.equal(last?.certificates[1]?.digest, before?.certificates[1]?.digest);
  // alone it is what a reload fails by, as is all that somebody asks for
  await Deno.writeTextFile(`${file.folder}/a.crt`, "\n");
  await reloader.reloadFiles("changed certificate files");
  assert.equal(events.at(-1)?.kind, "reload_failed");
  await reloader.reloadFiles("SIGHUP");
  assert.equal(events.at(-1)?.kind, "reload_failed");
  assert.equal(target.inForce.length, 3);
});

Deno.test("loadFiles() reads a certificate again for which there were no descriptors", async () => {
  await using file = await ConfigFile.create("");
  for (const name of ["a", "b"]) await file.putCertificate(name, ec);
  const two = "{ cert: a.crt, key: a.key }, { cert: b.crt, key: b.key }";
  await file.write(yaml(1).replace(certificateYaml(ec), two));
  const { loaded } = await loadConfigFile(file.path, { now: new Date(), expiredIsError: false });
  assert.ok(loaded !== undefined);
  const next = await issueCertificate({ names: ["localhost"] });
  for (const name of ["a", "b"]) await file.putCertificate(name, next);
  const cause = Object.assign(new Error("Too many open files"), { code: "EMFILE" });
  const short = await loadFiles(loaded.config, {
    known: loaded,
    read: (entry) =>
      entry.cert.endsWith("a.crt")
        ? Promise.reject(new ProxyError("bad_config", "Cannot read it", { cause }))
        : loadCertificate(entry),
  });
  const digests = ({ certificates }: LoadedConfig) => certificates.map(({ digest }) => digest);
  const [before] = digests(loaded);
  const { digest: after } = await loadCertificate(next);
  assert.deepEqual(digests(short), [before, after]);
  assert.deepEqual(digests(await loadFiles(loaded.config, { known: short })), [after, after]);
});

Deno.test("reloadFiles() takes passwords and authorities beside those that cannot be read", async () => {
  await using file = await ConfigFile.create(`${yaml(1).replace(/routes:.*/, "")}
client_auth:
  - { hosts: [a.test], mode: require, ca: lost.pem }
  - { hosts: [b.test], mode: require, ca: kept.pem, crl: crl.pem }
routes:
  - { hosts: [a.test], respond: { status: 200 }, basic_auth: { file: lost } }
  - { hosts: [a.test], paths: [/x], respond: { status: 200 }, basic_auth: { file: lost } }
  - { hosts: [b.test], respond: { status: 200 }, basic_auth: { file: kept } }
`);
  const users = (name: string) => `${name}:$2y$05$${"a".repeat(53)}\n`;
  for (const name of ["lost", "kept"]) {
    await Deno.copyFile(ec.cert, `${file.folder}/${name}.pem`);
    await Deno.writeTextFile(`${file.folder}/${name}`, users("before"));
  }
  const crl = await Deno.readTextFile(await (await createTestAuthority()).revoke());
  await Deno.writeTextFile(`${file.folder}/crl.pem`, crl);
  const { reloader, target, events } = await reloading(file);
  await reloader.reload("SIGHUP");
  await Deno.writeTextFile(`${file.folder}/crl.pem`, crl.replace(/\n.{10}/, "\nAAAAAAAAAA"));
  for (const name of ["lost", "lost.pem"]) await Deno.remove(`${file.folder}/${name}`);
  const { cert } = await issueCertificate({ names: ["localhost"] });
  await Deno.copyFile(cert, `${file.folder}/kept.pem`);
  await Deno.writeTextFile(`${file.folder}/kept`, users("after"));
  await reloader.reloadFiles("changed certificate files");
  const [before, after] = target.inForce.map(({ trust, contents }) =>
    new Map<string, unknown>([...trust.authorities, ...trust.revocations, ...contents])
  );
  for (const name of ["lost", "lost.pem", "crl.pem"]) {
    const path = `${file.folder}/${name}`;
    assert.deepEqual(after?.get(path), before?.get(path));
  }
  for (const name of ["kept", "kept.pem"]) {
    const path = `${file.folder}/${name}`;
    assert.notDeepEqual(after?.get(path), before?.get(path));
  }
  const event = events.at(-1);
  assert.equal(event?.kind === "reloaded" && event.warnings.length, 3);
});

Deno.test("reloadFiles() takes certificates beside one that cannot be shown to servers", async () => {
  await using file = await ConfigFile.create("");
  await file.putCertificate("a", ec);
  await file.putCertificate("shown", ec);
  const backends = 'backends: { one: { servers: ["127.0.0.1:1"], ' +
    "tls: { cert: shown.crt, key: shown.key } } }";
  const text = yaml(1).replace(/backends:.*/, backends);
  await file.write(text.replace(certificateYaml(ec), "{ cert: a.crt, key: a.key }"));
  const { reloader, target, events } = await reloading(file);
  const weak = await issueCertificate({ names: ["localhost"], newKey: [...RSA, "-sha1"] });
  await file.putCertificate("shown", weak);
  const renewed = await issueCertificate({ names: ["localhost"] });
  await file.putCertificate("a", renewed);
  await reloader.reloadFiles("changed certificate files");
  const [after] = target.inForce;
  assert.equal(after?.certificates[0]?.certPem, await Deno.readTextFile(renewed.cert));
  assert.equal(after?.trust.shown.get("one")?.certPem, await Deno.readTextFile(ec.cert));
  const event = events.at(-1);
  assert.match(
    String(event?.kind === "reloaded" && event.warnings),
    /shown\.crt: it is signed by way of a digest that is too weak/,
  );
});

Deno.test("a certificate from a CA goes on where its store has lost it", async () => {
  const certificates = '[{ acme: ["localhost"] }]';
  const acme = "acme: { accept_terms: true }";
  const text = yaml(1).replace(/certificates:.*/, `certificates: ${certificates}\n${acme}`);
  await using file = await ConfigFile.create(text);
  const folder = `${file.folder}/acme/localhost`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.copyFile(ec.cert, `${folder}/fullchain.pem`);
  await Deno.copyFile(ec.key, `${folder}/privkey.pem`);
  const { reloader, target } = await reloading(file);
  await reloader.reload("SIGHUP");
  assert.equal(target.lost, 0);
  const served = target.inForce.at(-1)?.certificates;
  assert.equal(served?.[0]?.placeholder, undefined);
  await Deno.remove(`${folder}/privkey.pem`);
  await reloader.reload("SIGHUP");
  await reloader.reloadFiles("SIGHUP");
  assert.equal(target.lost, 2);
  assert.equal(target.inForce.length, 3);
  for (const { certificates } of target.inForce) assert.deepEqual(certificates, served);
});
