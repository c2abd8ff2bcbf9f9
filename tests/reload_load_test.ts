import assert from "node:assert/strict";
import { ask, askOver, connectAs } from "./support/ask.ts";
import { type CertificateFiles, fingerprintOf, issueCertificate } from "./support/certificates.ts";
import { startNamed } from "./support/backends.ts";
import { certificateYaml, ConfigFile } from "./support/config_file.ts";
import { reload } from "./support/configured_proxy.ts";
import { eventually } from "./support/deadline.ts";
import { openFilesAtRest } from "./support/open_files.ts";
import { ENGINES } from "./support/start_proxy.ts";

const MiB = 1024 * 1024;
const RELOADS = 100;
const ROTATIONS = 20;
/** Clients of each kind, on each engine. */
const CLIENTS = 2;
/** Each has connections of its own to the servers. */
const WORKERS = 2;
/** More than before, after all that; five times as much of it takes no more. */
const ALLOWED_BYTES = 20 * MiB * WORKERS;
/** The sockets that a listener's last certificate had, which wait for the slowest clients. */
const ALLOWED_FILES = ENGINES.length * WORKERS;
/** What no client may cause, nor see. */
const TROUBLE = / warning |status=[45]|how="/;

Deno.test("100 reloads and 20 new certificates under load lose nothing and leave nothing", async () => {
  await using one = await startNamed("one", { brokenOff: true });
  await using two = await startNamed("two", { brokenOff: true });
  const pairs = await Promise.all([0, 1].map(() => issueCertificate({ names: ["localhost"] })));
  const [first, second] = pairs as [CertificateFiles, CertificateFiles];
  const make = (certificate: CertificateFiles, backends: Readonly<Record<string, string>>) =>
    [
      "listeners:",
      ...ENGINES.map((engine) => `  - { listen: "127.0.0.1:0", engine: ${engine} }`),
      `certificates: [${certificateYaml(certificate)}]`,
      "backends:",
      ...Object.entries(backends).map(([name, address]) => `  ${name}: { servers: [${address}] }`),
      "routes:",
      ...Object.keys(backends).map((name) => `  - { paths: [/${name}], backend: ${name} }`),
      "  - { backend: one }",
      "tests: [{ host: localhost, path: /, expect: { backend: one } }]",
      `workers: ${WORKERS}`,
    ].join("\n");
  const other = { one: one.address, three: two.address };
  const both = { one: one.address, two: two.address };
  await using file = await ConfigFile.create(make(first, both));
  await using proxy = await file.start({ smallHeap: true });
  const ports = (await proxy.says.count(/^tls-proxy: listening on /, ENGINES.length))
    .map((line) => Number(/:(\d+): /.exec(line)?.[1]));

  // a runtime takes what it needs for its first traffic and keeps it
  const given = [await fingerprintOf(first)];
  const load = new Load(ports, given);
  for (const backends of [other, both]) {
    await file.write(make(first, backends));
    await reload(proxy);
  }
  await load.end();
  // idle connections in the pool are no leak
  const dropAll = () => [one, two].forEach((backend) => backend.dropAll());
  const before = { memory: await proxy.memory(), files: await openFilesAtRest(proxy, dropAll) };
  const servedBefore = one.connections.length;

  const reloads = new Load(ports, given);
  for (let count = 1; count <= RELOADS; count++) {
    await file.write(make(first, count % 2 === 0 ? both : other));
    assert.match(
      await reload(proxy),
      /^tls-proxy: reloaded \(SIGHUP\): 1 route added, .* 1 backend removed and draining, /,
    );
  }
  await reloads.end();
  // the pool of the server that stayed was never given up
  assert.ok(one.connections.length - servedBefore <= 2 * ports.length * CLIENTS * WORKERS);

  const rotations = new Load(ports, given);
  const fingerprints = await Promise.all([second, first].map(fingerprintOf));
  for (let count = 0; count < ROTATIONS; count++) {
    const fingerprint = fingerprints[count % 2] ?? "";
    given.push(fingerprint);
    await file.write(make(count % 2 === 0 ? second : first, both));
    assert.match(await reload(proxy), /^tls-proxy: reloaded \(SIGHUP\): 1 certificate added, /);
    rotations.inForce = given.length - 1;
    for (const port of ports) {
      assert.equal((await ask(port, { sni: "localhost" })).fingerprint, fingerprint);
    }
  }
  await rotations.end();

  assert.deepEqual(proxy.log.matching(TROUBLE), []);
  assert.deepEqual(proxy.says.matching(/not reloaded/), []);
  const most = before.files + ALLOWED_FILES;
  await eventually(async () => {
    dropAll();
    return await proxy.openFiles() <= most || undefined;
  }, `no more than ${most} open files`);
  const memory = await proxy.memory();
  const grown = `from ${before.memory / MiB} to ${memory / MiB} MiB`;
  assert.ok(memory - before.memory < ALLOWED_BYTES, grown);
});

/** Clients that ask until they are told to stop; whatever goes wrong with one is kept. */
class Load {
  /** How many requests were answered. */
  asked = 0;
  /** Which of the certificates is the oldest that may still be given. */
  inForce: number;
  readonly #given: readonly string[];
  readonly #clients: Promise<unknown>;
  #asking = true;

  /** @param given fingerprints, in the order in which they come into force */
  constructor(ports: readonly number[], given: readonly string[]) {
    this.#given = given;
    this.inForce = given.length - 1;
    this.#clients = Promise.all(
      ports.flatMap((port) =>
        Array.from({ length: CLIENTS }, () => [this.#keptAlive(port), this.#fresh(port)]).flat()
      ),
    );
    // told by `end`
    this.#clients.catch(() => {});
  }

  async end(): Promise<void> {
    const enough = eventually(() => this.asked >= 400 || undefined, "a load");
    enough.catch(() => {});
    await Promise.race([enough, this.#clients]);
    this.#asking = false;
    await this.#clients;
  }

  async #keptAlive(port: number): Promise<void> {
    const { connection } = await connectAs(port, "localhost");
    using client = connection;
    while (this.#asking) {
      const { status, body } = await askOver(client, { sni: "localhost" });
      this.#count(status, body);
    }
  }

  async #fresh(port: number): Promise<void> {
    while (this.#asking) {
      const from = this.inForce;
      const { status, body, fingerprint } = await ask(port, { sni: "localhost" });
      assert.ok(this.#given.slice(from).includes(fingerprint), "one that had been replaced before");
      this.#count(status, body);
    }
  }

  #count(status: number, body: string): void {
    assert.deepEqual([status, body], [200, "one"]);
    this.asked++;
  }
}
