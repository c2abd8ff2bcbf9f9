import assert from "node:assert/strict";
import { ask } from "./support/ask.ts";
import { startNamed, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { ConfigFile } from "./support/config_file.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { printedFlags } from "./support/printed_permissions.ts";
import { eventually, PROGRAM_MS, within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { NotStarted, proxyArgs, stopProxy } from "./support/start_proxy.ts";
import { connectTcp, connectTls } from "./support/tls_client.ts";
import { startAtTerminal } from "./support/terminal.ts";
import { runOk } from "./support/tools.ts";

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

Deno.test("a reload that is refused leaves no log file behind", async () => {
  await using taken = await startNamed("taken");
  const yaml = (listen: string, more: string) => `
listeners: [{ listen: "${listen}", tls: false }]
routes: [{ respond: { status: 204 } }]
${more}
`;
  const port = await unusedPort();
  await using config = await ConfigFile.create(
    yaml(`127.0.0.1:${port}`, "log: { file: old.log }"),
  );
  const granted = [
    ...await printedFlags(config.path),
    ...[`--allow-write=${config.folder}/new.log`, `--allow-net=${taken.address}`],
  ];
  await using proxy = await startConfigured(config, { granted });
  const files = () => [...Deno.readDirSync(config.folder)].map(({ name }) => name);
  assert.ok(files().includes("old.log"));
  await config.write(yaml(taken.address, "log: { file: new.log }"));
  assert.match(await proxy.reload(), /^tls-proxy: not reloaded/);
  assert.match(proxy.says.text, /Cannot listen on /);
  assert.ok(!files().includes("new.log"), files().join());
});

async function logging(file: string) {
  const { ec } = await testCertificates();
  return `
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { app: { servers: ["127.0.0.1:9"] } }
routes: [{ backend: app }]
admin: { listen: "127.0.0.1:0" }
workers: 2
log: { file: ${file}, format: json }
`;
}

Deno.test("a log file that is a named pipe nobody reads is refused, and one that is read is taken", async () => {
  await using config = await ConfigFile.create(await logging("access.log"));
  const pipe = `${config.folder}/access.log`;
  await runOk("mkfifo", [pipe]);
  const granted = await printedFlags(config.path);
  const refused = await config.start({ granted }).then(() => undefined, (error) => error);
  assert.ok(refused instanceof NotStarted);
  assert.equal(refused.code, 1);
  assert.match(
    refused.says.join("\n"),
    /Cannot open the log file .*: it is a named pipe that nobody/,
  );

  const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
  const lines = new Lines(reader.stdout);
  await using proxy = await startConfigured(config, { granted });
  const { port } = proxy;
  await ask(port, { sni: undefined, path: "/1" });
  await lines.first(/"target":"\/1"/);
  // one that stands still, and one that is gone, cost neither threads nor the end
  reader.kill("SIGSTOP");
  const threads = async () => {
    const status = await runOk("cat", [`/proc/${proxy.pid}/status`]);
    return Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1]);
  };
  for (let i = 0; i < 8; i++) {
    await Promise.all(
      Array.from({ length: 50 }, () => connectTcp(port).then((noise) => noise.close())),
    );
    await proxy.reload();
  }
  const before = await threads();
  for (let i = 0; i < 8; i++) {
    for (let i = 0; i < 4; i++) await ask(port, { sni: undefined, path: `/${"x".repeat(8000)}` });
    await proxy.reload();
  }
  assert.ok(await threads() <= before + 2, `${await threads()} threads, ${before} before`);
  reader.kill("SIGKILL");
  await lines.ended;
  await ask(port, { sni: undefined, path: "/2" });
  assert.match(await proxy.reload(), /reloaded/);
  await proxy.says.first(/Cannot open the log file .* nobody reads/);
  await proxy.says.first(/warning: the log cannot be written to .*: nobody reads it/);
  assert.equal(await stopProxy(proxy), 0);
});

Deno.test("a full disk is told as such", async () => {
  // the runtime lets a process have devices only with every permission
  const options = { granted: ["--allow-all"] };
  await using proxy = await startConfigured(await logging("/dev/full"), options);
  await ask(proxy.port, { sni: undefined });
  await proxy.says.first(
    /warning: the log cannot be written to \/dev\/full: no space left on device$/,
  );
  const [, admin = ""] = await proxy.says.first(/admin page: (http:\S+)\/$/);
  await eventually(async () => {
    const { log } = await (await fetch(`${admin}/status`)).json();
    return log.dropped > 0 || undefined;
  }, "lost lines");
  assert.equal(await stopProxy(proxy), 0);
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
    await says.first(/admin page/, PROGRAM_MS);
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
