import assert from "node:assert/strict";
import type { Capability, EngineName } from "../lib/tls/engine.ts";
import { startBackend, startEcho } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { eventually } from "./support/deadline.ts";
import { ENGINE_CAN, ENGINES, NotStarted, startProxy } from "./support/start_proxy.ts";
import { connectTcp, echoed, openTls } from "./support/tls_client.ts";

/** What a configuration asks of the engines: limits that both keep, and what one must refuse. */

for (const engine of ENGINES) {
  const can = ENGINE_CAN[engine];

  Deno.test(`a client that does not finish its handshake is cut off (${engine})`, async () => {
    await using echo = await startEcho();
    await using config = await configFile(engine, {
      backend: echo.address,
      more: "timeouts: { handshake: 300ms }",
    });
    await using proxy = await startProxy(["--config", config.path]);
    for (const bytes of ["", "\x16\x03\x01\x02\0\x01"]) {
      using silent = await connectTcp(proxy.port);
      await silent.write(bytes);
      await silent.untilGone();
    }
    await proxy.log.count(/ handshake failed .*error=handshake_timeout /, 2);
    // one that is in time is served: where all is slow that may take it several tries
    using _client = await eventually(() => echoed(proxy.port), "a handshake in time");
  });

  Deno.test(`a client that takes nothing is cut off, and its socket freed (${engine})`, async () => {
    await using backend = await startBackend(async (connection) => {
      const more = "x".repeat(1_000_000);
      for (;;) await connection.write(more);
    }, { brokenOff: true });
    await using config = await configFile(engine, {
      backend: backend.address,
      more: "timeouts: { tunnel_idle: 500ms }",
    });
    await using proxy = await startProxy(["--config", config.path]);
    using _first = await openTls(proxy.port);
    await proxy.log.first(/ info end .*how="idle_timeout: /);
    const atRest = await proxy.openFiles();
    const stuck = await Promise.all([1, 2, 3].map(() => openTls(proxy.port)));
    await proxy.log.count(/ info end .*how="idle_timeout: /, 4);
    await eventually(
      async () => await proxy.openFiles() <= atRest || undefined,
      "the sockets of clients that take nothing to be closed",
    );
    for (const conn of stuck) conn.close();
  });

  const REFUSED: [Capability, tls: string, more: string, why: RegExp][] = [
    ["strict_sni", "strict_sni: true", "", /strict_sni/],
    ["min_version", 'min_version: "1.3"', "", /min_version/],
    ["sni_facts", "", "routes: [{ hosts: [a.test], backend: b }]", /routed by SNI \(sni_facts\)/],
  ];
  for (const [capability, tls, more, why] of REFUSED) {
    Deno.test(`${capability}: ${can.has(capability) ? "can be asked for" : "is refused"} (${engine})`, async () => {
      await using config = await configFile(engine, { backend: "127.0.0.1:9", tls, more });
      const starting = startProxy(["--config", config.path]);
      if (can.has(capability)) return void await (await starting)[Symbol.asyncDispose]();
      const error = await starting.then(() => undefined, (error) => error);
      assert.ok(error instanceof NotStarted);
      assert.equal(error.code, 1);
      assert.match(error.says.join("\n"), why);
    });
  }
}

Deno.test("the deno engine says what it does worse without the C library", async () => {
  await using config = await configFile("deno", { backend: "127.0.0.1:9" });
  const granted = ["--no-prompt", "--ignore-env", "--allow-net", "--allow-read"];
  await using proxy = await startProxy(["--config", config.path], { granted });
  const [, why = ""] = await proxy.says.first(/: listening on .*: tcp, deno engine \((.*)\)$/);
  assert.match(
    why,
    /; answers of .* wait for .*, and clients that are cut off keep their connections, as the /,
  );
});

Deno.test("who may not call OpenSSL is told which package brings it, as nobody may where there is none", async () => {
  await using config = await configFile("auto", { backend: "127.0.0.1:9" });
  const granted = ["--no-prompt", "--ignore-env", "--allow-net", "--allow-read"];
  await using proxy = await startProxy(["--config", config.path], { granted });
  const [, why = ""] = await proxy.says.first(/: listening on .*: tcp, deno engine \((.*)\)$/);
  assert.match(why, /^the permission to call OpenSSL 3 is not given: .* package .*(?:libssl3|@3)/);
});

Deno.test("who has configured OpenSSL so that it makes no TLS is told of the configuration", async () => {
  await using config = await configFile("openssl", { backend: "127.0.0.1:9" });
  const openssl = await Deno.makeTempFile({ suffix: ".cnf" });
  try {
    // asks for what no provider here has
    const text = "openssl_conf = a\n[a]\nalg_section = b\n[b]\ndefault_properties = nobody=yes\n";
    await Deno.writeTextFile(openssl, text);
    const starting = startProxy(["--config", config.path], { env: { OPENSSL_CONF: openssl } });
    const error = await starting.then(() => undefined, (error) => error);
    assert.ok(error instanceof NotStarted);
    assert.match(error.says.join("\n"), /makes no TLS as this system has configured it \(openssl/);
  } finally {
    await Deno.remove(openssl);
  }
});

/** A configuration in tcp mode, as a file. */
async function configFile(
  engine: EngineName | "auto",
  { backend, tls = "", more = "" }: { backend: string; tls?: string; more?: string },
): Promise<{ path: string } & AsyncDisposable> {
  const { ec } = await testCertificates();
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  const routes = more.startsWith("routes") ? "" : "routes: [{ backend: b }]";
  await Deno.writeTextFile(
    path,
    `listeners:
  - { listen: "127.0.0.1:0", mode: tcp, engine: ${engine}, tls: { ${tls} } }
certificates:
  - { cert: ${ec.cert}, key: ${ec.key} }
backends: { b: { servers: ["${backend}"] } }
${routes}
${more}
`,
  );
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
