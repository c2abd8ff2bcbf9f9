import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { startBackend, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { fromLatin1, latin1 } from "./support/connection.ts";
import { within } from "./support/deadline.ts";
import { startGitServer } from "./support/git_server.ts";
import {
  encodeAnswer,
  encodeChunks,
  encodeRequest,
  readAnswer,
  readRequest,
  type SeenRequest,
  valuesOf,
} from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { run, runOk, start } from "./support/tools.ts";

for (const engine of ENGINES) {
  Deno.test(`git clones and pushes over smart HTTP (${engine})`, async () => {
    await using folder = await temporaryFolder();
    const { path } = folder;
    await git(path, "init", "-q", "--bare", "-b", "main", "served/project.git");
    await git(path, "-C", "served/project.git", "config", "http.receivepack", "true");
    await using server = await startGitServer(`${path}/served`);
    await using proxy = await startProxyFor({ engine, backend: server.address });
    const url = `https://localhost:${proxy.port}/project.git`;

    await git(path, "init", "-q", "-b", "main", "first");
    // larger than http.postBuffer, so that it is pushed in chunks
    const noise = randomBytes(2_000_000);
    await Deno.writeFile(`${path}/first/noise`, noise);
    for (let i = 0; i < 3; i++) {
      await Deno.writeTextFile(`${path}/first/file`, `${i}\n`.repeat(1000));
      await git(path, "-C", "first", "add", ".");
      await git(path, "-C", "first", "commit", "-q", "-m", `commit ${i}`);
    }
    await git(path, "-C", "first", "push", "-q", url, "main");
    assert.ok(server.sawChunks);
    await proxy.log.first(
      / request .*method=POST target=\/project\.git\/git-receive-pack .*version=2/,
    );
    await git(path, "clone", "-q", url, "second");
    // libcurl takes the newest version that it is offered
    await proxy.log.first(
      / request .*method=POST target=\/project\.git\/git-upload-pack .*version=2/,
    );
    await git(path, "-c", "http.version=HTTP/1.1", "clone", "-q", url, "third");
    assert.deepEqual(hashOf(await Deno.readFile(`${path}/third/noise`)), hashOf(noise));
    assert.deepEqual(hashOf(await Deno.readFile(`${path}/second/noise`)), hashOf(noise));
    const commits = await git(path, "-C", "second", "log", "--format=%s");
    assert.equal(commits, "commit 2\ncommit 1\ncommit 0\n");

    await Deno.writeTextFile(`${path}/second/file`, "changed\n");
    await git(path, "-C", "second", "commit", "-q", "-a", "-m", "changed");
    await git(path, "-C", "second", "push", "-q");
    await git(path, "-C", "first", "pull", "-q", "--ff-only", url, "main");
    assert.equal(await Deno.readTextFile(`${path}/first/file`), "changed\n");
    assert.match(server.requests.join("\n"), /POST \/project\.git\/git-receive-pack/);
    assert.deepEqual(proxy.log.matching(/ request .*status=[45]/), []);
  });

  Deno.test(`curl resumes a download that was cut short (${engine})`, async () => {
    await using folder = await temporaryFolder();
    const file = randomBytes(3_000_000);
    let breakOff = true;
    await using backend = await startBackend(async (connection) => {
      for (let request; (request = await readRequest(connection)) !== undefined;) {
        await connection.write(rangeHead(request, file.length));
        const from = rangeStart(request);
        const part = file.subarray(from, breakOff ? 1_234_567 : file.length);
        await connection.write(Uint8Array.from(part));
        if (breakOff) return;
      }
    }, { brokenOff: true });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const download = () =>
      run("curl", [
        ...["-sS", "--cacert", ca, "-C", "-", "-o", "file"],
        `https://localhost:${proxy.port}/file`,
      ], { cwd: folder.path });
    const { code } = await download();
    // 92: that of a stream of HTTP/2
    assert.ok([18, 56, 92].includes(code), `curl sees that it is cut short: ${code}`);
    const { size } = await Deno.stat(`${folder.path}/file`);
    assert.ok(size > 0 && size <= 1_234_567, String(size));
    breakOff = false;
    const { code: resumed, stderr } = await download();
    assert.equal(resumed, 0, stderr);
    assert.deepEqual(hashOf(await Deno.readFile(`${folder.path}/file`)), hashOf(file));
    await proxy.log.first(/ request .*status=206 .*error=-/);
  });

  Deno.test(`curl -T - uploads in chunks (${engine})`, async () => {
    await using server = await startHashing();
    await using proxy = await startProxyFor({ engine, backend: server.address });
    const { ca } = await testCertificates();
    const input = Uint8Array.from(randomBytes(5_000_000));
    for (const args of [[], ["-H", "Expect:"], ["-H", "Expect: 100-continue"]]) {
      const printed = await runOk("curl", [
        ...["-sS", "--cacert", ca, "--expect100-timeout", "20", ...args, "-T", "-"],
        `https://localhost:${proxy.port}/upload`,
      ], { input });
      assert.equal(printed, `PUT chunked ${hashOf(input)}`);
    }
  });

  Deno.test(`server-sent events arrive one by one (${engine})`, async () => {
    const seen = [Promise.withResolvers<void>()];
    await using backend = await startBackend(async (connection) => {
      await readRequest(connection);
      await connection.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      for (let i = 0; i < 5; i++) {
        const event = `data: ${i}\n\n`;
        await connection.write(`${event.length.toString(16)}\r\n${event}\r\n`);
        // the next is sent when this one has been seen, and so waits for nothing behind it
        await within(seen[i]?.promise ?? Promise.reject(new Error()), `event ${i} to be seen`);
      }
      await connection.write("0\r\n\r\n");
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const url = `https://localhost:${proxy.port}/events`;
    await using curl = start("curl", ["-sSN", "--cacert", ca, url]);
    const lines = new Lines(curl.child.stdout);
    for (let i = 0; i < 5; i++) {
      seen.push(Promise.withResolvers());
      await lines.first(new RegExp(`^data: ${i}$`));
      seen[i]?.resolve();
    }
    await within(lines.ended, "curl's end");
    assert.equal((await curl.child.status).code, 0);
  });

  Deno.test(`a compressed body is passed on byte for byte (${engine})`, async () => {
    const text = "the same again and again\n".repeat(10_000);
    const zipped = latin1(gzipSync(text));
    await using backend = await startHttp((request) => {
      assert.equal(valuesOf(request, "Accept-Encoding").length, 1);
      if (request.method === "POST") return encodeAnswer(request.body);
      const fields = ["Content-Encoding: gzip", 'ETag: W/"a"', "Vary: Accept-Encoding"];
      if (request.target === "/length") return encodeAnswer(zipped, { fields });
      const lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", ...fields];
      const middle = zipped.length >> 1;
      return `${lines.join("\r\n")}\r\n\r\n` +
        encodeChunks([zipped.slice(0, middle), zipped.slice(middle)]);
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    for (const target of ["/length", "/chunks"]) {
      const url = `https://localhost:${proxy.port}${target}`;
      const raw = await run("curl", [
        ...["-sS", "--cacert", ca, "-H", "Accept-Encoding: gzip", url],
      ]);
      assert.ok(latin1(raw.bytes) === zipped, target);
      assert.equal(await runOk("curl", ["-sS", "--cacert", ca, "--compressed", url]), text);
    }
    const { bytes } = await run("curl", [
      ...["-sS", "--cacert", ca, "-H", "Accept-Encoding: gzip", "-H", "Content-Encoding: gzip"],
      ...["--data-binary", "@-", `https://localhost:${proxy.port}/`],
    ], { input: fromLatin1(zipped) });
    assert.equal(gunzipSync(bytes).toString(), text);
  });

  Deno.test(`each request of a connection goes its own way (${engine})`, async () => {
    // the first to be asked is the last to be ready
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    await using slow = await startHttp(async ({ target }) => {
      if (target === "/slow/1") await held;
      return encodeAnswer(`slow ${target}`);
    });
    await using quick = await startHttp(({ target }) => encodeAnswer(`quick ${target}`));
    await using proxy = await startConfigured({
      engine,
      backends: { slow: slow.address, default: quick.address },
    });
    using client = await connectTls(proxy.port);
    const targets = ["/slow/1", "/2", "/slow/3", "/4", "/nowhere/5", "/slow/6"];
    await client.write(targets.map((target) => encodeRequest(target)).join(""));
    await slow.accepted(1);
    release();
    for (const target of targets) {
      const backend = target.startsWith("/slow") ? "slow" : "quick";
      assert.equal((await readAnswer(client)).body, `${backend} ${target}`);
    }
    assert.deepEqual([slow.connections.length, quick.connections.length], [1, 1], "both pooled");
    const lines = await proxy.log.count(/ info request /, targets.length);
    assert.deepEqual(
      lines.map((line) => / target=(\S+) .* backend=(\S+) server=(\S+) /.exec(line)?.slice(1)),
      targets.map((target) =>
        target.startsWith("/slow")
          ? [target, "slow", slow.address]
          : [target, "default", quick.address]
      ),
    );
  });
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "tls-proxy-transfer-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Runs git with nobody's settings but its own. */
async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const { ca } = await testCertificates();
  return await runOk("git", args, {
    cwd,
    env: {
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      GIT_SSL_CAINFO: ca,
      GIT_AUTHOR_NAME: "a",
      GIT_AUTHOR_EMAIL: "a@example.test",
      GIT_COMMITTER_NAME: "a",
      GIT_COMMITTER_EMAIL: "a@example.test",
    },
  });
}

function rangeStart(request: SeenRequest): number {
  const [range = ""] = valuesOf(request, "Range");
  return Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
}

function rangeHead(request: SeenRequest, size: number): string {
  const from = rangeStart(request);
  const status = from === 0
    ? ["HTTP/1.1 200 OK"]
    : ["HTTP/1.1 206 Partial Content", `Content-Range: bytes ${from}-${size - 1}/${size}`];
  return [...status, "Accept-Ranges: bytes", `Content-Length: ${size - from}`, "", ""].join("\r\n");
}

/** A server of the runtime, which says 100 Continue by itself. */
async function startHashing(): Promise<AsyncDisposable & { readonly address: string }> {
  const server = http.createServer(async (request, response) => {
    const hash = createHash("sha256");
    for await (const chunk of request) hash.update(chunk);
    const { method, headers } = request;
    response.end(`${method} ${headers["transfer-encoding"]} ${hash.digest("hex")}`);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
