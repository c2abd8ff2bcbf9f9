import assert from "node:assert/strict";
import { startBackend, startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { configFile, open, startConfigured, startNamed, visit } from "./support/configured.ts";
import { encodeAnswer, encodeRequest, readAnswer } from "./support/http.ts";
import { startProxy } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/** A configuration with one listener; parts of it are what a test changes. */
async function yaml({ backends, routes = "[{ backend: a }]", listeners, more = "" }: {
  backends: Readonly<Record<string, string>>;
  routes?: string;
  listeners?: string;
  more?: string;
}): Promise<string> {
  const { ec } = await testCertificates();
  const named = Object.entries(backends).map(([name, server]) =>
    `  ${name}: { servers: ["${server}"] }\n`
  );
  return `listeners: ${listeners ?? `[{ listen: "127.0.0.1:0" }]`}
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends:
${named.join("")}routes: ${routes}
${more}
`;
}

Deno.test("SIGHUP takes a new configuration, says what changes, and requests go by it at once", async () => {
  await using a = await startNamed("a");
  await using b = await startNamed("b");
  await using proxy = await startConfigured(await yaml({ backends: { a: a.address } }));
  using kept = await connectTls(proxy.port);
  await kept.write(encodeRequest("/"));
  assert.equal((await readAnswer(kept)).body, "a");

  await proxy.config.write(
    await yaml({
      backends: { b: b.address },
      routes: "[{ paths: [/x], backend: b }, { backend: b }]",
      more: "limits: { headers: 50 }",
    }),
  );
  assert.equal(
    await proxy.reload(),
    "tls-proxy: reloaded (SIGHUP): 1 backend added, 1 backend removed and draining, " +
      "1 route added, 1 route changed, limits changed, 0 connections closed",
  );
  await kept.write(encodeRequest("/"));
  assert.equal((await readAnswer(kept)).body, "b", "the same connection");
  assert.equal(await proxy.reload(), "tls-proxy: reloaded (SIGHUP): nothing has changed");
});

Deno.test("a reload that fails says why with its place, and the old configuration goes on", async () => {
  await using a = await startNamed("a");
  const good = await yaml({ backends: { a: a.address } });
  await using proxy = await startConfigured(good);
  const BAD: [from: string, to: string, told: RegExp][] = [
    ["servers", "severs", /:4:8: unknown key "severs", did you mean "servers"\?$/],
    ["ec.key", "api.key", /:2:\d+: .*does not belong to/],
    [
      "routes",
      "tests: [{ host: localhost, path: /, expect: { backend: a, status: 404 } }]\nroutes",
      /:5:\d+: test failed: expected status 404/,
    ],
    ["127.0.0.1:0", `127.0.0.1:${a.port}`, /Cannot listen on 127\.0\.0\.1:\d+: .*in use/],
  ];
  for (const [index, [from, to, told]] of BAD.entries()) {
    await proxy.config.write(good.replace(from, to));
    assert.equal(
      await proxy.reload(),
      "tls-proxy: not reloaded (SIGHUP): the old configuration goes on",
    );
    await proxy.says.first(told);
    await proxy.log.count(/ warning reload failed by=SIGHUP /, index + 1);
    assert.equal((await visit(proxy.port, { sni: "localhost" })).backend, "a");
  }
  await Deno.remove(proxy.config.path);
  assert.match(await proxy.reload(), /: not reloaded /);
  await proxy.says.first(/Cannot read the configuration .*: it does not exist$/);
});

Deno.test("what is untouched by a reload keeps its connections, and what runs goes on", async () => {
  const answer = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using slow = await startHttp(async ({ target }) => {
    if (target === "/slow") {
      asked.resolve();
      await answer.promise;
    }
    return encodeAnswer("slow");
  });
  await using other = await startNamed("other");
  const routes = "[{ hosts: [localhost], backend: a }, { backend: b }]";
  const before = await yaml({ backends: { a: slow.address, b: other.address }, routes });
  await using proxy = await startConfigured(before);
  using pooled = await connectTls(proxy.port);
  await pooled.write(encodeRequest("/"));
  await readAnswer(pooled);
  assert.equal(slow.connections.length, 1);
  await proxy.config.write(before.replace("{ backend: b }", "{ paths: [/x], backend: b }"));
  assert.match(await proxy.reload(), /1 route changed|1 route added, 1 route removed/);
  await pooled.write(encodeRequest("/"));
  await readAnswer(pooled);
  assert.equal(slow.connections.length, 1, "the pool is the same");

  await pooled.write(encodeRequest("/slow"));
  await asked.promise;
  await proxy.config.write(
    await yaml({ backends: { b: other.address }, routes: "[{ backend: b }]" }),
  );
  assert.match(await proxy.reload(), /1 backend removed and draining/);
  answer.resolve();
  assert.equal((await readAnswer(pooled)).body, "slow", "a request on a removed backend ends well");
  await slow.allGone();
});

Deno.test("a tunnel goes on through a reload", async () => {
  await using echo = await startBackend(async (connection) => {
    for (let some; (some = await connection.readSome()) !== undefined;) {
      await connection.write(some);
    }
  });
  const listeners = `[{ listen: "127.0.0.1:0", mode: tcp }]`;
  await using proxy = await startConfigured(
    await yaml({ backends: { a: echo.address }, listeners }),
  );
  using client = await connectTls(proxy.port);
  await client.write("one");
  assert.equal(await client.readText(3), "one");
  await proxy.config.write(
    await yaml({ backends: { a: "127.0.0.1:9" }, listeners, more: "log: { level: debug }" }),
  );
  await proxy.reload();
  await client.write("two");
  assert.equal(await client.readText(3), "two");
  await client.end();
  assert.equal(await client.readRest(), "");
});

Deno.test("listeners are added, removed, and changed in their place", async () => {
  await using a = await startNamed("a");
  const [one, two] = [await unusedPort(), await unusedPort()];
  const write = async (listeners: string, more = "") =>
    await yaml({ backends: { a: a.address }, listeners, more });
  const node = `{ listen: "127.0.0.1:${one}", engine: node }`;
  await using proxy = await startConfigured(await write(`[${node}]`));
  using kept = await connectTls(one);

  await proxy.config.write(await write(`[${node}, { listen: "127.0.0.1:${two}" }]`));
  assert.match(await proxy.reload(), /: 1 listener added, 0 connections closed$/);
  assert.equal((await visit(two, { sni: "localhost" })).backend, "a");

  await proxy.config.write(await write(`[{ listen: "127.0.0.1:${one}", engine: deno }]`));
  assert.match(await proxy.reload(), /: 1 listener removed, 1 listener changed, /);
  assert.equal((await visit(one, { sni: "localhost" })).backend, "a");
  await assert.rejects(visit(two, { sni: "localhost" }), /refused/i);

  await proxy.config.write(
    await write(`[${node.replace("engine: node", "tls: { strict_sni: true }")}]`),
  );
  assert.match(await proxy.reload(), /: 1 listener changed, /);
  await assert.rejects(visit(one, { sni: "nobody.test" }));
  assert.equal((await visit(one, { sni: "localhost" })).backend, "a");
  await kept.write(encodeRequest("/"));
  assert.equal((await readAnswer(kept)).body, "a", "an old connection outlives its listener");
});

Deno.test("changed certificate files take effect by themselves, however they are changed", async () => {
  await using a = await startNamed("a");
  const { issue } = await testCertificates();
  const versions = await Promise.all(
    ["v1", "v2", "v3", "v4", "v5"].map((name) => issue({ name, names: "DNS:a.test" })),
  );
  const [v1, v2, v3, v4, v5] = versions;
  assert.ok(v1 && v2 && v3 && v4 && v5);
  await using config = await configFile(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${a.address}"] } }
routes: [{ backend: a }]
`);
  const tls = `${config.folder}/tls`;
  await Deno.mkdir(`${tls}/..v1`, { recursive: true });
  const put = async (folder: string, { cert, key }: { cert: string; key: string }) => {
    await Deno.copyFile(cert, `${folder}/tls.crt`);
    await Deno.copyFile(key, `${folder}/tls.key`);
  };
  // as Kubernetes mounts a Secret
  await put(`${tls}/..v1`, v1);
  await Deno.symlink("..v1", `${tls}/..data`);
  await Deno.symlink("..data/tls.crt", `${tls}/tls.crt`);
  await Deno.symlink("..data/tls.key", `${tls}/tls.key`);
  await using proxy = await startProxy(["--config", config.path]);
  const certificate = async () => (await open(proxy.port, { sni: "a.test" })).certificate;
  const rotated = (count: number) =>
    proxy.says.count(/reloaded \(changed certificate files\): /, count);
  assert.equal(await certificate(), "v1");

  await Deno.mkdir(`${tls}/..v2`);
  await put(`${tls}/..v2`, v2);
  await Deno.symlink("..v2", `${tls}/..new`);
  await Deno.rename(`${tls}/..new`, `${tls}/..data`);
  await rotated(1);
  assert.equal(await certificate(), "v2");

  // a second swap: a watch on what the first one replaced would miss it
  await Deno.mkdir(`${tls}/..v3`);
  await put(`${tls}/..v3`, v3);
  await Deno.symlink("..v3", `${tls}/..new`);
  await Deno.rename(`${tls}/..new`, `${tls}/..data`);
  await rotated(2);
  assert.equal(await certificate(), "v3");

  // files in the links' place, one after the other: the pair fits only when both are there
  await Deno.copyFile(v4.cert, `${tls}/next`);
  await Deno.rename(`${tls}/next`, `${tls}/tls.crt`);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(await certificate(), "v3", "half a pair is not taken");
  await Deno.copyFile(v4.key, `${tls}/next`);
  await Deno.rename(`${tls}/next`, `${tls}/tls.key`);
  await rotated(3);
  assert.equal(await certificate(), "v4");

  // written over in place
  await put(tls, v5);
  await rotated(4);
  assert.equal(await certificate(), "v5");
});

Deno.test("the configuration is watched when it asks for that", async () => {
  await using a = await startNamed("a");
  await using b = await startNamed("b");
  const more = "watch: { config: true }";
  await using proxy = await startConfigured(await yaml({ backends: { a: a.address }, more }));
  await Deno.writeTextFile(
    `${proxy.config.folder}/.proxy.yaml.swp`,
    await yaml({ backends: { a: b.address }, more }),
  );
  await Deno.rename(`${proxy.config.folder}/.proxy.yaml.swp`, proxy.config.path);
  await proxy.says.first(/: reloaded \(changed configuration file\): 1 backend changed, /);
  assert.equal((await visit(proxy.port, { sni: "localhost" })).backend, "b");
});
