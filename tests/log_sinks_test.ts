import assert from "node:assert/strict";
import { ask } from "./support/ask.ts";
import { startNamed, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { printedFlags } from "./support/printed_permissions.ts";
import { eventually, within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { proxyArgs } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { startAtTerminal } from "./support/terminal.ts";

Deno.test("the log goes to a file as JSON, goes on after rotation, and changes with a reload", async () => {
  await using backend = await startNamed("app");
  const { ec } = await testCertificates();
  const port = await unusedPort();
  const yaml = (log: string) => `
listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
log: { file: access.log, ${log} }
`;
  await using config = await ConfigFile.create(yaml("format: json"));
  const granted = await printedFlags(config.path);
  await using proxy = await startConfigured(config, { granted });
  assert.deepEqual(proxy.says.matching(/permission/), []);
  const file = `${config.folder}/access.log`;
  const requests = async (path: string) =>
    (await Deno.readTextFile(path)).split("\n").filter((line) => / request |"request"/.test(line));
  const logged = (path: string, count: number) =>
    eventually(async () => {
      const lines = await requests(path).catch(() => []);
      return lines.length >= count ? lines : undefined;
    }, `${count} requests in ${path}`);

  await ask(port, { sni: undefined, path: "/1" });
  const [line = ""] = await logged(file, 1);
  const { event, target, status, server, sni, protocol } = JSON.parse(line);
  assert.deepEqual({ event, target, status, server, sni, protocol }, {
    event: "request",
    target: "/1",
    status: 200,
    server: backend.address,
    sni: null,
    protocol: "TLSv1.3",
  });

  await Deno.rename(file, `${file}.1`);
  assert.match(await proxy.reload(), /reloaded/);
  await ask(port, { sni: undefined, path: "/2" });
  assert.equal(JSON.parse((await logged(file, 1))[0] ?? "").target, "/2");
  assert.equal((await requests(`${file}.1`)).length, 1);

  await config.write(yaml("format: text"));
  assert.match(await proxy.reload(), /log changed/);
  await ask(port, { sni: undefined, path: "/3" });
  assert.match((await logged(file, 2))[1] ?? "", / info request peer=.* target=\/3 /);

  await config.write(yaml("access: false"));
  await proxy.reload();
  await ask(port, { sni: undefined, path: "/4" });
  await config.write(yaml("access: true"));
  await proxy.reload();
  await ask(port, { sni: undefined, path: "/5" });
  const lines = await logged(file, 3);
  assert.match(lines[2] ?? "", / target=\/5 /, "and /4 is not there");
  assert.equal(proxy.log.text, "", "nothing on standard output");
});

Deno.test("a log file that cannot be opened keeps the old configuration", async () => {
  await using backend = await startNamed("app");
  const { ec } = await testCertificates();
  const yaml = (more: string) => `
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
${more}
`;
  await using proxy = await startConfigured(yaml(""));
  await proxy.config.write(yaml("log: { file: certs/none/a.log }"));
  assert.match(await proxy.reload(), /^tls-proxy: not reloaded/);
  assert.equal((await ask(proxy.port, { sni: undefined })).status, 200);
});

Deno.test("nobody who does not read the log slows anything down", async () => {
  await using backend = await startNamed("app");
  const { ec } = await testCertificates();
  const port = await unusedPort();
  const admin = await unusedPort();
  await using config = await ConfigFile.create(`
listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["${backend.address}"] } }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:${admin}" }
`);
  const child = new Deno.Command(Deno.execPath(), {
    args: proxyArgs(["--config", config.path]),
    stdin: "null",
    // which nobody reads
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const says = new Lines(child.stderr);
  try {
    await says.first(/admin page/);
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectTls(port)));
    let dropped = 0;
    for (let round = 0; dropped === 0 && round < 100; round++) {
      const path = `/${"x".repeat(1000)}`;
      await Promise.all(clients.map(async (client) => {
        for (let i = 0; i < 100; i++) {
          await client.write(encodeRequest(path));
          assert.equal((await readAnswer(client)).status, 200);
        }
      }));
      const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
      dropped = Number(/^tls_proxy_log_dropped_lines_total (\d+)$/m.exec(metrics)?.[1]);
    }
    assert.ok(dropped > 0, "more than can wait");
    for (const client of clients) client.close();
    child.kill("SIGTERM");
    assert.equal((await within(child.status, "the end, though nobody reads")).code, 0);
  } finally {
    await child.stdout.cancel();
    await says.ended;
  }
});

Deno.test("at a terminal the log is short lines in colour, and there is a summary at the end", async () => {
  await using backend = await startNamed("app");
  const { ec } = await testCertificates();
  const port = await unusedPort();
  for (const env of [{}, { NO_COLOR: "1" }]) {
    const terminal = startAtTerminal(
      ["--listen", `127.0.0.1:${port}`, "--backend", backend.address],
      { env, more: ["--cert", ec.cert, "--key", ec.key] },
    );
    await terminal.says(/listening on/);
    await ask(port, { sni: undefined, path: "/a" });
    await terminal.says(/200.*GET.*\/a/);
    // as Ctrl-C does
    await terminal.type("\x03");
    const text = await terminal.ended();
    assert.match(text, /served 1 connection and 1 request, 0 failed handshakes, \d+ bytes in/);
    assert.equal(text.includes("\x1b[32m200"), !("NO_COLOR" in env), text);
  }
});
