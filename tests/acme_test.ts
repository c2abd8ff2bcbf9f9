import assert from "node:assert/strict";
import { startNamed, unusedPort } from "./support/backends.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, PROGRAM_MS } from "./support/deadline.ts";
import { type Pebble, startPebble } from "./support/pebble.ts";
import { printedFlags } from "./support/printed_permissions.ts";
import { startRedis } from "./support/redis.ts";
import { startProxy } from "./support/start_proxy.ts";
import { run } from "./support/tools.ts";

/** A configuration whose certificates are the CA's; tokens are answered where it looks. */
function acmeYaml(
  { directory, caFile, httpPort }: Pick<Pebble, "directory" | "caFile" | "httpPort">,
  { https, backend, names, more = {} }: {
    https: number;
    backend: string;
    names: readonly string[];
    more?: Record<string, unknown>;
  },
): string {
  return JSON.stringify({
    listeners: [
      { listen: `127.0.0.1:${https}` },
      { listen: `127.0.0.1:${httpPort}`, redirect: "https" },
    ],
    certificates: [{ acme: names }],
    acme: { directory, accept_terms: true, email: "ops@example.com", ca_file: caFile },
    backends: { site: { servers: [backend] } },
    routes: [{ backend: "site" }],
    ...more,
  });
}

/** A certificate in a folder, as its serial number. */
async function serialIn(config: ConfigFile): Promise<string | undefined> {
  const file = `${config.folder}/acme/www.example.test/fullchain.pem`;
  const { code, stdout } = await run("openssl", ["x509", "-noout", "-serial", "-in", file]);
  return code === 0 ? stdout.trim() : undefined;
}

/** What curl gets for a name, trusting the CA alone. */
async function get(name: string, port: number, rootFile: string) {
  return await run("curl", [
    ...["-s", "--max-time", "20", "--cacert", rootFile],
    ...["--resolve", `${name}:${port}:127.0.0.1`, `https://${name}:${port}/`],
  ]);
}

Deno.test("from nothing to a certificate that is served, by http-01 and two workers", async () => {
  await using pebble = await startPebble({ badNonces: 50 });
  await using backend = await startNamed("site");
  const https = await unusedPort();
  const names = ["www.example.test", "example.test"];
  await using config = await ConfigFile.create(
    acmeYaml(pebble, { https, backend: backend.address, names }),
  );
  const root = `${config.folder}/root.pem`;
  await Deno.writeTextFile(root, await pebble.root());
  await using proxy = await startConfigured(config, {
    grants: [`--allow-write=${config.folder}/acme`],
  });
  await proxy.log.first(/certificate obtained .*names=www\.example\.test,example\.test/);
  const served = await eventually(async () => {
    const { code, stdout } = await get("example.test", https, root);
    return code === 0 ? stdout : undefined;
  }, () => proxy.log.text);
  assert.match(served, /site/);
  const folder = `${config.folder}/acme/www.example.test`;
  assert.equal(((await Deno.stat(`${folder}/privkey.pem`)).mode ?? 0) & 0o777, 0o600);
  // nothing that was pending is answered any more, and nothing else ever was
  const { stdout } = await run("curl", [
    ...["-s", "-o", "/dev/null", "-w", "%{http_code}"],
    `http://127.0.0.1:${pebble.httpPort}/.well-known/acme-challenge/unknown`,
  ]);
  assert.equal(stdout, "308");
  // no key stands in the log
  assert.doesNotMatch(proxy.log.text + proxy.says.text, /PRIVATE KEY/);
});

Deno.test("tls-alpn-01 shows a CA its challenge, and refuses all others until then", async () => {
  await using pebble = await startPebble();
  await using backend = await startNamed("site");
  await using config = await ConfigFile.create(JSON.stringify({
    listeners: [{ listen: `127.0.0.1:${pebble.tlsPort}` }],
    certificates: [{ acme: ["alpn.example.test"] }],
    acme: { directory: pebble.directory, accept_terms: true, ca_file: pebble.caFile },
    backends: { site: { servers: [backend.address] } },
    routes: [{ backend: "site" }],
  }));
  const root = `${config.folder}/root.pem`;
  await Deno.writeTextFile(root, await pebble.root());
  // while the CA is away there is no certificate, and the name is refused by alert
  await pebble.stop();
  const grants = [`--allow-write=${config.folder}/acme`];
  await using proxy = await startConfigured(config, { grants });
  await proxy.log.first(/certificate not obtained .*cannot be reached/);
  const refused = await get("alpn.example.test", pebble.tlsPort, root);
  assert.notEqual(refused.code, 0);
  await proxy.log.first(/handshake failed .*No CA has given the certificate/);
  // nobody gets a certificate by the CA's protocol
  const { stdout, stderr } = await run("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${pebble.tlsPort}`, "-servername", "alpn.example.test"],
    ...["-alpn", "acme-tls/1"],
  ]);
  assert.match(stdout + stderr, /alert no application protocol/);
  await pebble.start();
  // it asks again after 5 s, 10 s, 20 s and so on, of which the machine may have used up some
  await proxy.log.first(/certificate obtained .*names=alpn\.example\.test/, PROGRAM_MS);
  await Deno.writeTextFile(root, await pebble.root());
  await eventually(async () => {
    const { code } = await get("alpn.example.test", pebble.tlsPort, root);
    return code === 0 || undefined;
  }, () => proxy.log.text);
});

Deno.test("tls-alpn-01 is answered by a tcp listener without ALPN, with the printed permissions", async () => {
  await using pebble = await startPebble();
  await using backend = await startNamed("site");
  await using config = await ConfigFile.create(JSON.stringify({
    listeners: [{ listen: `127.0.0.1:${pebble.tlsPort}`, mode: "tcp" }],
    certificates: [{ acme: ["alpn.example.test"] }],
    acme: { directory: pebble.directory, accept_terms: true, ca_file: pebble.caFile },
    backends: { site: { servers: [backend.address] } },
    routes: [{ backend: "site" }],
  }));
  const granted = await printedFlags(config.path);
  await using proxy = await startProxy(["--config", config.path], { granted });
  assert.deepEqual(proxy.says.matching(/permission/), [], "it holds what it needs, no more");
  await proxy.log.first(/certificate obtained .*names=alpn\.example\.test/);
});

Deno.test("two replicas that start at once place one order, and go on without Redis", async () => {
  await using pebble = await startPebble();
  await using backend = await startNamed("site");
  const redis = await startRedis();
  const [portA, portB, plainB] = [await unusedPort(), await unusedPort(), await unusedPort()];
  const names = ["www.example.test"];
  const more = { cluster: { redis: redis.address } };
  // the CA looks at the first one only, whoever has placed the order
  await using a = await ConfigFile.create(
    acmeYaml(pebble, { https: portA, backend: backend.address, names, more }),
  );
  await using b = await ConfigFile.create(
    acmeYaml({ directory: pebble.directory, caFile: pebble.caFile, httpPort: plainB }, {
      https: portB,
      backend: backend.address,
      names,
      more,
    }),
  );
  const grants = [`--allow-write=${a.folder}/acme,${b.folder}/acme`];
  // a CA that looks while the first one does not listen yet would refuse, and rightly
  await pebble.stop();
  const proxies = await Promise.all([
    startConfigured(a, { grants }),
    startConfigured(b, { grants }),
  ]);
  await pebble.start();
  try {
    const told = () => proxies.map(({ log }) => log.text).join("\n");
    const serials = await eventually(
      async () => {
        const both = [await serialIn(a), await serialIn(b)];
        return both.includes(undefined) ? undefined : both;
      },
      told,
      PROGRAM_MS,
    );
    assert.equal(serials[0], serials[1]);
    const issued = await pebble.log.count(/Issued certificate serial/, 1);
    assert.equal(issued.length, 1, pebble.log.text);
    const root = `${a.folder}/root.pem`;
    await Deno.writeTextFile(root, await pebble.root());
    for (const port of [portA, portB]) {
      await eventually(async () => {
        const { code } = await get("www.example.test", port, root);
        return code === 0 || undefined;
      }, told);
    }
    // Redis goes: one line each, and everything is served on
    await redis[Symbol.asyncDispose]();
    for (const { log } of proxies) await log.first(/warning cluster down redis=/);
    for (const port of [portA, portB]) {
      assert.equal((await get("www.example.test", port, root)).code, 0);
    }
    for (const { log } of proxies) assert.equal(log.matching(/cluster down/).length, 1);
  } finally {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  }
});

Deno.test("a proxy that is killed amid an order goes on with its account, and gets the certificate", async () => {
  await using pebble = await startPebble();
  await using backend = await startNamed("site");
  const https = await unusedPort();
  await using config = await ConfigFile.create(
    acmeYaml(pebble, { https, backend: backend.address, names: ["www.example.test"] }),
  );
  const grants = [`--allow-write=${config.folder}/acme`];
  const folder = `${config.folder}/acme/www.example.test`;
  const order = `${folder}/order.json`;
  {
    await using proxy = await startConfigured(config, { grants });
    // an order that was over before it was seen leaves what the others leave
    const seen = () => Deno.stat(order).catch(() => Deno.stat(`${folder}/fullchain.pem`));
    await eventually(() => seen().catch(() => undefined), () => proxy.log.text, PROGRAM_MS);
    proxy.signal("SIGKILL");
    await proxy.status;
  }
  await using again = await startConfigured(config, { grants });
  await eventually(() => serialIn(config), () => again.log.text, PROGRAM_MS);
  const made = await pebble.log.count(/There are now \d+ accounts/, 1);
  assert.equal(made.length, 1, pebble.log.text);
  await eventually(
    async () => await Deno.stat(order).then(() => undefined, () => true),
    "the order to be over",
  );
});
