import assert from "node:assert/strict";
import { startHttp } from "./support/backends.ts";
import { issueCertificate, testCertificates } from "./support/certificates.ts";
import { commandHere } from "./support/command_here.ts";
import { ConfigFile } from "./support/config_file.ts";
import { type ConfiguredProxy, startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { run, runOk } from "./support/tools.ts";
import { runCommand } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

/** `htpasswd -nbB -C 5 ann sesame` */
const ANN = "ann:$2y$05$I27P/XlNfxApsHeC9DyVwu90lrPh4nvLgDBIWIWNrM3oFG/yGiqHW";

interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** What curl gets, with its flags. */
async function ask(proxy: ConfiguredProxy, path: string, flags: readonly string[] = []) {
  const { ca } = await testCertificates();
  const { stdout } = await run("curl", [
    ...["-s", "-i", "--http1.1", "--max-time", "20", "--cacert", ca, "--path-as-is", ...flags],
    `https://localhost:${proxy.port}${path}`,
  ]);
  const end = stdout.indexOf("\r\n\r\n");
  const head = stdout.slice(0, end);
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
    headers: head,
    body: stdout.slice(end + 4),
  } satisfies Answer;
}

/** A proxy whose routes are these, in front of a backend that answers with what it was asked. */
async function start(routes: readonly unknown[], more: Record<string, unknown> = {}) {
  const stack = new AsyncDisposableStack();
  const backend = stack.use(
    await startHttp((request) =>
      encodeAnswer(`${request.head.replaceAll("\r", "")}\n`, {
        fields: ["Server: secret", "X-Old: 1", "Content-Type: text/plain"],
      })
    ),
  );
  const { ec } = await testCertificates();
  const config = stack.use(
    await ConfigFile.create(JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0" }],
      certificates: [ec],
      backends: { site: { servers: [backend.address] } },
      routes,
      ...more,
    })),
  );
  await Deno.writeTextFile(`${config.folder}/users`, `# people\n${ANN}\n`);
  await Deno.writeTextFile(`${config.folder}/page.html`, "<h1>gone</h1>");
  await Deno.writeTextFile(`${config.folder}/robots.txt`, "User-agent: *\n");
  const proxy = stack.use(await startConfigured(config));
  return { proxy, config, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("header rules act on requests and answers, with what a request has for variables", async () => {
  await using at = await start([{
    backend: "site",
    request_headers: {
      set: { "X-Env": "prod", "X-Who": "{client} {host} {path} {sni}" },
      add: { "X-More": "2" },
      remove: ["X-Debug"],
    },
    response_headers: { set: { "Strict-Transport-Security": "max-age=1" }, remove: ["Server"] },
  }]);
  const flags = ["-H", "X-Env: mine", "-H", "X-More: 1", "-H", "X-Debug: 1", "-H", "X-Keep: 1"];
  const { headers, body } = await ask(at.proxy, "/a/b?c=1", flags);
  assert.match(body, /^GET \/a\/b\?c=1 /);
  assert.match(body, /^X-Env: prod$/m);
  assert.doesNotMatch(body, /mine|X-Debug/i);
  assert.match(body, /^X-Who: 127\.0\.0\.1 localhost \/a\/b localhost$/m);
  for (const line of [/^X-More: 1$/m, /^X-More: 2$/m]) assert.match(body, line);
  assert.match(body, /^X-Keep: 1$/m);
  assert.match(headers, /^Strict-Transport-Security: max-age=1\r?$/m);
  assert.doesNotMatch(headers, /^Server:/m);
  assert.match(headers, /^X-Old: 1\r?$/m);
});

Deno.test("a rule gives the server another Host, and what was asked for beside it", async () => {
  await using at = await start([
    { paths: ["/fixed"], backend: "site", request_headers: { set: { HOST: "up.test:8080" } } },
    {
      paths: ["/made"],
      backend: "site",
      request_headers: { set: { Host: "{host}.internal:", "X-Was": "{host}" } },
    },
    { paths: ["/wild"], backend: "site", request_headers: { set: { Host: "{path}" } } },
  ]);
  for (const version of ["--http1.1", "--http2"]) {
    for (const [path, host] of [["/fixed", "up.test:8080"], ["/made", "localhost.internal"]]) {
      const { body } = await ask(at.proxy, `${path}`, [version]);
      assert.deepEqual(body.match(/^host: .*$/gim), [`Host: ${host}`]);
      assert.match(body, new RegExp(`^X-Forwarded-Host: localhost:${at.proxy.port}$`, "m"));
    }
    const { status, body } = await ask(at.proxy, "/wild", [version]);
    if (version === "--http1.1") assert.equal(status, 400);
    assert.match(body, /The route's rule makes no Host of what the request says/);
  }
  await at.proxy.log.first(/ status=400 .*error=bad_host /);
});

Deno.test("a server by HTTP/2 gets another Host as its authority", async () => {
  await using server = await startNodeHttp2(
    `tell([head[":authority"], head.host, head["x-forwarded-host"]].join(" "));
     stream.respond({ ":status": 200 }); stream.end();`,
  );
  const routes = [{ backend: "app", request_headers: { set: { Host: "up.test" } } }];
  const app = { servers: [server.address], protocol: "h2" };
  await using at = await start(routes, { backends: { app } });
  for (const version of ["--http1.1", "--http2"]) await ask(at.proxy, "/", [version]);
  const told = await server.lines.count(/^up\.test /, 2);
  assert.deepEqual(told, Array(2).fill(`up.test  localhost:${at.proxy.port}`));
});

Deno.test("a server by HTTP/2 gets an IPv6 address in brackets for who names no host", async () => {
  await using server = await startNodeHttp2(
    `tell([head[":authority"], head["x-forwarded-host"]].join(" "));
     stream.respond({ ":status": 200 }); stream.end();`,
  );
  await using at = await start([{ backend: "app" }], {
    listeners: [{ listen: "[::1]:0", tls: false }],
    certificates: [],
    backends: { app: { servers: [server.address], protocol: "h2" } },
  });
  const [, port] = /\[::1\]:(\d+)/.exec(at.proxy.says.all.join("\n")) ?? [];
  const flags = ["-s", "--http1.0", "--max-time", "20", "-H", "Host:"];
  await runOk("curl", [...flags, `http://[::1]:${port}/`]);
  assert.deepEqual(await server.lines.count(/^\S* \[::1\]$/, 1), ["[::1] [::1]"]);
});

Deno.test("answer rules hold for the proxy's own answers, which pages and JSON share", async () => {
  await using at = await start([
    { paths: ["/down"], backend: "down", response_headers: { set: { "X-Route": "down" } } },
    { backend: "site" },
  ], {
    error_pages: { 502: "page.html" },
    backends: { site: { servers: ["127.0.0.1:1"] }, down: { servers: ["127.0.0.1:1"] } },
  });
  const html = await ask(at.proxy, "/down");
  assert.equal(html.status, 502);
  assert.equal(html.body, "<h1>gone</h1>");
  assert.match(html.headers, /^Content-Type: text\/html; charset=utf-8\r?$/m);
  assert.match(html.headers, /^X-Route: down\r?$/m);
  const json = await ask(at.proxy, "/down", ["-H", "Accept: application/json"]);
  assert.equal(JSON.parse(json.body).status, 502);
  const call = ["--http2", "-d", "", "-H", "Content-Type: application/grpc"];
  const grpc = await ask(at.proxy, "/down", call);
  assert.match(grpc.headers, /^grpc-message: 502 Bad Gateway\r?$/m);
});

Deno.test("a client of gRPC is told the beginning of a long answer of the proxy's own", async () => {
  const respond = { status: 503, body: `x${"\u00e9".repeat(100_000)}` };
  await using at = await start([{ respond }]);
  const call = ["--http2", "-d", "", "-H", "Content-Type: application/grpc"];
  const { headers } = await ask(at.proxy, "/", call);
  const [, message] = /^grpc-message: (.*?)\r?$/m.exec(headers) ?? [];
  // 1,024 bytes, and no half of a character
  assert.equal(message, `x${"%C3%A9".repeat(511)}`);
});

Deno.test("what is refused ahead of all rules has its page, its id and its place in the log", async () => {
  await using at = await start([{ backend: "site" }], {
    error_pages: { 405: "page.html", 413: "page.html" },
    limits: { body: 10 },
  });
  const CASES = [
    ["405", "TRACE", ["-X", "TRACE"]],
    ["413", "POST", ["-d", "x".repeat(11), "-H", "Expect:"]],
  ] as const;
  for (const version of ["1.1", "2"]) {
    for (const [status, method, flags] of CASES) {
      const id = `${method}-${version}`;
      const all = [`--http${version}`, "-H", `X-Request-Id: ${id}`, ...flags];
      const { headers, body } = await ask(at.proxy, "/a?b", all);
      assert.match(headers, new RegExp(`^HTTP/${version} ${status} `));
      assert.match(headers, new RegExp(`^X-Request-Id: ${id}\r?$`, "im"));
      assert.equal(body, "<h1>gone</h1>");
      const [line] = await at.proxy.log.first(new RegExp(` info request .*id=${id} .*`));
      const told = `method=${method} target=/a\\?b status=${status}`;
      assert.match(line, new RegExp(` host=localhost:${at.proxy.port} ${told} in=[1-9]`));
    }
  }
  const json = await ask(at.proxy, "/", ["-X", "TRACE", "-H", "Accept: application/json"]);
  assert.equal(JSON.parse(json.body).error, "method_not_allowed");
});

Deno.test("strip_prefix, methods and headers choose and change", async () => {
  await using at = await start([
    { paths: ["/api/closed"], backend: "site", strip_prefix: "/api", deny: ["0.0.0.0/0"] },
    { paths: ["/api"], backend: "site", strip_prefix: "/api" },
    { paths: ["/m"], methods: ["POST"], respond: { body: "posted" } },
    { paths: ["/m"], headers: { Cookie: "canary=1" }, respond: { body: "canary" } },
    { paths: ["/m"], respond: { body: "rest" } },
    { paths: ["/only"], methods: ["PUT"], backend: "site" },
    {
      paths: ["/set"],
      backend: "site",
      strip_prefix: "/set",
      request_headers: { set: { "X-Forwarded-Prefix": "/outer/set" } },
    },
    {
      paths: ["/hide"],
      backend: "site",
      strip_prefix: "/hide",
      request_headers: { remove: ["x_forwarded_prefix"] },
    },
  ]);
  const cases: [string, RegExp][] = [
    ["/api/x?q=1", /^GET \/x\?q=1 /],
    ["/api", /^GET \/ /],
    ["/api?q", /^GET \/\?q /],
    ["/api//evil.test/x", /^GET \/evil\.test\/x /],
  ];
  for (const [path, expected] of cases) {
    const { body } = await ask(at.proxy, path, ["-H", "X-Forwarded-Prefix: /forged"]);
    assert.match(body, expected);
    assert.match(body, /^X-Forwarded-Prefix: \/api$/m);
    assert.doesNotMatch(body, /forged/);
  }
  // a rule of that name has the last word
  const set = await ask(at.proxy, "/set/x");
  assert.deepEqual(set.body.match(/^X-Forwarded-Prefix: .*$/gm), [
    "X-Forwarded-Prefix: /outer/set",
  ]);
  assert.doesNotMatch((await ask(at.proxy, "/hide/x")).body, /Prefix/);
  assert.equal((await ask(at.proxy, "/apix")).status, 404);
  assert.equal((await ask(at.proxy, "/api/closed")).status, 403);
  assert.equal((await ask(at.proxy, "/api//closed")).status, 404);
  assert.equal((await ask(at.proxy, "/m", ["-d", "x"])).body, "posted");
  assert.equal((await ask(at.proxy, "/m", ["-b", "a=b; canary=1"])).body, "canary");
  assert.equal((await ask(at.proxy, "/m")).body, "rest");
  assert.equal((await ask(at.proxy, "/only")).status, 404);
});

Deno.test("no other spelling of a path gets past a route that keeps requests off", async () => {
  const guards = [
    [403, { deny: ["0.0.0.0/0"] }],
    [403, { allow: ["10.0.0.0/8"] }],
    [401, { basic_auth: { file: "users" } }],
    [429, { rate_limit: { requests: "1/h" } }],
  ] as const;
  await using at = await start([
    ...guards.map(([, guard], index) => ({ paths: [`/g${index}`], backend: "site", ...guard })),
    { paths: ["/g4"], respond: { status: 410 } },
    { backend: "site" },
  ]);
  // all of its rate
  assert.equal((await ask(at.proxy, "/g3")).status, 200);
  const statuses = [...guards.map(([status]) => status), 410];
  for (const [index, status] of statuses.entries()) {
    for (const path of [`//g${index}`, `/x/../g${index}`, `/%67${index}/x`, `/g${index};x`]) {
      for (const version of ["--http1.1", "--http2"]) {
        const { headers } = await ask(at.proxy, path, [version]);
        assert.match(headers, new RegExp(`^HTTP/\\S+ ${status} `), `${path} ${version}`);
      }
    }
  }
  const known = ["-u", "ann:sesame"];
  assert.match((await ask(at.proxy, "/g2;x", known)).body, /^GET \/g2;x /);
  assert.match((await ask(at.proxy, "//x/%67")).body, /^GET \/\/x\/%67 /);
});

Deno.test("strip_prefix tells what a trusted proxy has taken off, too", async () => {
  const routes = [{ paths: ["/api"], backend: "site", strip_prefix: "/api" }];
  await using at = await start(routes, { forwarded: { trusted: ["127.0.0.1"] } });
  for (const version of ["--http1.1", "--http2"]) {
    const { body } = await ask(at.proxy, "/api/x", [version, "-H", "X-Forwarded-Prefix: /outer"]);
    assert.deepEqual(body.match(/^X-Forwarded-Prefix: .*$/gm), ["X-Forwarded-Prefix: /outer/api"]);
  }
});

Deno.test("redirect keeps path and query and never leads where a client says", async () => {
  await using at = await start([
    { paths: ["/r"], redirect: { to: "https://example.com{path}", status: 301 } },
    { paths: ["/p"], redirect: { to: "{path}" } },
    { hosts: ["2001:db8::1"], redirect: { to: "https://{host}{path}" } },
  ]);
  const moved = await ask(at.proxy, "/r/x?a=b");
  assert.equal(moved.status, 301);
  assert.match(moved.headers, /^Location: https:\/\/example\.com\/r\/x\?a=b\r?$/m);
  const own = await ask(at.proxy, "/p/x");
  assert.match(own.headers, /^HTTP\/1\.1 308 [^]*^Location: \/p\/x\r?$/m);
  const address = await ask(at.proxy, "/x", ["-H", "Host: [2001:DB8::1]:8443"]);
  assert.match(address.headers, /^Location: https:\/\/\[2001:db8::1\]\/x\r?$/m);
  // the connection goes on, also behind a length that says that there is no body
  assert.doesNotMatch(own.headers, /^Connection: close/m);
  const posted = await ask(at.proxy, "/p/x", ["-X", "POST", "-H", "Content-Length: 0"]);
  assert.doesNotMatch(posted.headers, /^Connection: close/m);
  // and behind a body that has come with the head
  using client = await connectTls(at.proxy.port);
  for (
    const body of ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
  ) {
    await client.write(`POST /p/x HTTP/1.1\r\nHost: localhost\r\n${body}${encodeRequest("/p/y")}`);
    assert.deepEqual(valuesOf(await readAnswer(client), "location"), ["/p/x"]);
    assert.deepEqual(valuesOf(await readAnswer(client), "location"), ["/p/y"]);
  }
});

Deno.test("files of answers, pages and passwords are taken by themselves when they change", async () => {
  await using config = await ConfigFile.create(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0" }],
    certificates: [(await testCertificates()).ec],
    backends: {},
    routes: [
      { paths: ["/robots.txt"], respond: { file: "live/robots.txt" } },
      { paths: ["/staff"], respond: {}, basic_auth: { file: "live/users" } },
    ],
    error_pages: { 404: "live/page.html" },
  }));
  // all at once, by a link, as nobody says how long it takes to write one after the other
  const put = async (version: string, files: Readonly<Record<string, string>>) => {
    await Deno.mkdir(`${config.folder}/${version}`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${config.folder}/${version}/${name}`, text);
    }
    await Deno.symlink(version, `${config.folder}/new`);
    await Deno.rename(`${config.folder}/new`, `${config.folder}/live`);
  };
  await put("v1", { "robots.txt": "", "page.html": "<h1>gone</h1>", users: `${ANN}\n` });
  await using proxy = await startConfigured(config);
  const ann = ["-u", "ann:sesame"];
  assert.equal((await ask(proxy, "/staff", ann)).status, 200);
  assert.equal((await ask(proxy, "/nowhere")).body, "<h1>gone</h1>");
  await put("v2", {
    "robots.txt": "Disallow: /\n",
    "page.html": "<h1>away</h1>",
    users: ANN.replace("ann", "bob"),
  });
  await proxy.says.first(/^tls-proxy: reloaded \(changed certificate files\): 3 files changed, /);
  assert.equal((await ask(proxy, "/robots.txt")).body, "Disallow: /\n");
  assert.equal((await ask(proxy, "/nowhere")).body, "<h1>away</h1>");
  assert.equal((await ask(proxy, "/staff", ann)).status, 401);
});

Deno.test("respond has a body or a file, an ETag, and answers HEAD", async () => {
  await using at = await start([
    { paths: ["/robots.txt"], respond: { file: "robots.txt" } },
    { paths: ["/gone"], respond: { status: 410, type: "text/html", body: "<p>gone</p>" } },
    { paths: ["/empty"], respond: { status: 204 } },
  ]);
  const { status, headers, body } = await ask(at.proxy, "/robots.txt");
  assert.deepEqual([status, body], [200, "User-agent: *\n"]);
  const [, etag = ""] = /^ETag: (".+")\r?$/m.exec(headers) ?? [];
  const known = await ask(at.proxy, "/robots.txt", ["-H", `If-None-Match: ${etag}`]);
  assert.deepEqual([known.status, known.body], [304, ""]);
  const posted = ["-X", "POST", "-H", `If-None-Match: ${etag}`];
  assert.equal((await ask(at.proxy, "/robots.txt", posted)).status, 200);
  const head = await ask(at.proxy, "/robots.txt", ["-I"]);
  assert.match(head.headers, /^Content-Length: 14\r?$/m);
  assert.equal(head.body, "");
  const gone = await ask(at.proxy, "/gone");
  assert.deepEqual([gone.status, gone.body], [410, "<p>gone</p>"]);
  assert.equal((await ask(at.proxy, "/empty")).status, 204);
  const old = await ask(at.proxy, "/gone", ["--http1.0", "-H", "Connection: keep-alive"]);
  assert.match(old.headers, /^Connection: keep-alive\r?$/m);
  // a file that changes is another answer
  await Deno.writeTextFile(`${at.config.folder}/robots.txt`, "User-agent: none\n");
  await at.proxy.reload();
  assert.equal((await ask(at.proxy, "/robots.txt")).body, "User-agent: none\n");
});

Deno.test("an own answer without a body tells of no length, and each of one time", async () => {
  const date = "Sun, 01 Jan 2023 00:00:00 GMT";
  await using at = await start([
    { paths: ["/empty"], respond: { status: 204 }, response_headers: { set: { Date: date } } },
    { paths: ["/text"], respond: { body: "text" } },
  ]);
  for (const version of ["--http1.1", "--http2"]) {
    const empty = await ask(at.proxy, "/empty", [version]);
    assert.deepEqual(empty.headers.match(/^(?:date|content-length): .*$/gim), [
      version === "--http2" ? `date: ${date}` : `Date: ${date}`,
    ]);
    const known = await ask(at.proxy, "/text", [version, "-H", "If-None-Match: *"]);
    assert.match(known.headers, /^HTTP\/\S+ 304/);
    assert.doesNotMatch(known.headers, /^content-length:/im);
  }
});

Deno.test("allow and deny go by the client that a trusted proxy tells", async () => {
  await using at = await start([
    { paths: ["/in"], backend: "site", allow: ["10.0.0.0/8", "2001:db8::/32"], deny: ["10.6.6.6"] },
    { backend: "site", deny: ["192.0.2.0/24"] },
  ], { forwarded: { trusted: ["127.0.0.1"] } });
  const cases: [string, string, number][] = [
    ["/in", "10.1.1.1", 200],
    ["/in", "10.6.6.6", 403],
    ["/in", "11.0.0.1", 403],
    ["/in", "2001:db8::1", 200],
    ["/", "192.0.2.9", 403],
    ["/", "192.0.3.9", 200],
  ];
  for (const [path, client, expected] of cases) {
    const { status } = await ask(at.proxy, path, ["-H", `X-Forwarded-For: ${client}`]);
    assert.equal(status, expected, `${path} ${client}`);
  }
  await at.proxy.log.first(/request .*status=403 .*rule=deny/);
  await at.proxy.log.first(/request .*status=403 .*rule=allow/);
});

Deno.test("rate_limit counts a client over all workers, and says when to come again", async () => {
  await using at = await start([
    { paths: ["/l"], respond: { body: "in" }, rate_limit: { requests: "1/h", burst: 3 } },
    ...["GET", "POST", "PUT"].map((method) => ({
      paths: ["/m"],
      methods: [method],
      respond: { body: "in" },
      rate_limit: { requests: "1/h" },
    })),
    { respond: { body: "free" } },
  ], { forwarded: { trusted: ["127.0.0.1"] }, workers: 2 });
  const from = (client: string) => ["-H", `X-Forwarded-For: ${client}`];
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) {
    statuses.push((await ask(at.proxy, "/l", from("2001:db8::1"))).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  // of the same /64, and of another
  const same = await ask(at.proxy, "/l", from("2001:db8::ffff:2"));
  assert.equal(same.status, 429);
  assert.match(same.headers, /^Retry-After: \d+\r?$/m);
  assert.equal((await ask(at.proxy, "/l", from("2001:db8:0:1::1"))).status, 200);
  assert.equal((await ask(at.proxy, "/", from("2001:db8::1"))).status, 200);
  // addresses of IPv4 have no /64, also where a proxy in front has them mapped into IPv6
  for (const [client, expected] of [["192.0.2.1", 200], ["192.0.2.2", 200], ["192.0.2.1", 429]]) {
    const mapped = ["-X", "PUT", ...from(`::ffff:${client}`)];
    assert.equal((await ask(at.proxy, "/m", mapped)).status, expected, String(client));
  }
  // each route by itself, also where they differ by a condition alone
  for (const [method, expected] of [["GET", 200], ["POST", 200], ["GET", 429], ["POST", 429]]) {
    const { status } = await ask(at.proxy, "/m", ["-X", String(method)]);
    assert.equal(status, expected, String(method));
  }
});

Deno.test("basic_auth asks, lets in, and tells the backend nothing of it", async () => {
  await using at = await start([
    { backend: "site", basic_auth: { file: "users", realm: "staff" } },
  ]);
  const none = await ask(at.proxy, "/");
  assert.equal(none.status, 401);
  assert.match(none.headers, /^WWW-Authenticate: Basic realm="staff", charset="UTF-8"\r?$/m);
  assert.equal((await ask(at.proxy, "/", ["-u", "ann:wrong"])).status, 401);
  assert.equal((await ask(at.proxy, "/", ["-u", "eve:sesame"])).status, 401);
  for (let i = 0; i < 2; i++) {
    const { status, body } = await ask(at.proxy, "/", ["-u", "ann:sesame"]);
    assert.equal(status, 200);
    assert.doesNotMatch(body, /authorization/i);
  }
  assert.doesNotMatch(at.proxy.log.text, /sesame|\$2y/);
});

Deno.test("limits.body of a route holds in the place of that of all, either way", async () => {
  await using at = await start([
    { paths: ["/small"], backend: "site", limits: { body: 10 } },
    { paths: ["/large"], backend: "site", limits: { body: "1MiB" } },
    { backend: "site" },
  ], { limits: { body: 100 } });
  const send = async (path: string, bytes: number, chunked = false) => {
    const flags = chunked ? ["-H", "Transfer-Encoding: chunked"] : [];
    return (await ask(at.proxy, path, [...flags, "-d", "x".repeat(bytes)])).status;
  };
  for (const chunked of [false, true]) {
    assert.deepEqual(
      [
        await send("/small", 10, chunked),
        await send("/small", 11, chunked),
        await send("/large", 5_000, chunked),
        await send("/", 100, chunked),
        await send("/", 101, chunked),
      ],
      [200, 413, 200, 200, 413],
      `chunked: ${chunked}`,
    );
  }
});

Deno.test("plain listeners go by the routes, and a redirect's exceptions too", async () => {
  await using at = await start([{ backend: "site" }], {
    listeners: [
      { listen: "127.0.0.1:0", tls: false },
      { listen: "127.0.0.1:0", redirect: "https", except: ["/.well-known/x/"] },
    ],
    certificates: [],
  });
  const ports = at.proxy.says.all.flatMap((line) =>
    [...line.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
  );
  const [plain = 0, redirecting = 0] = [...new Set(ports)];
  const plainly = (port: number, path: string) =>
    runOk("curl", [
      ...["-s", "-i", "--max-time", "20", "--path-as-is"],
      `http://127.0.0.1:${port}${path}`,
    ]);
  const answer = await plainly(plain, "/x");
  assert.match(answer, /^HTTP\/1\.1 200 [^]*GET \/x [^]*^X-Forwarded-Proto: http$/m);
  assert.match(await plainly(redirecting, "/x"), /^HTTP\/1\.1 308 /);
  assert.match(await plainly(redirecting, "/.well-known/x/y"), /^HTTP\/1\.1 200 /);
  // what leads out of them
  assert.match(await plainly(redirecting, "/.well-known/x/../../y"), /^HTTP\/1\.1 308 /);
});

Deno.test("check and explain know rules, and say what is wrong with them in its place", async () => {
  const { cert, key } = await issueCertificate({ names: ["a.test"] });
  const yaml = (route: string) =>
    `listeners:\n  - { listen: 127.0.0.1:8443 }\ncertificates:\n  - { cert: ${cert}, key: ${key} }\n` +
    `backends: { s: { servers: [127.0.0.1:1] } }\nroutes:\n  - ${route}\n`;
  const wrong: [string, RegExp][] = [
    ["{ hosts: [a.test] }", /7:5: "backend" is missing/],
    ["{ backend: s, redirect: { to: 'https://x.test/' } }", /cannot have "redirect" too/],
    ["{ redirect: { to: 'https://{host}/' } }", /7:\d+: \{host\} is whatever a client says/],
    ["{ redirect: { to: '{hots}' } }", /there is no \{hots\}/],
    ["{ redirect: { to: '//x' } }", /a redirect leads to a URL/],
    [
      "{ backend: s, request_headers: { set: { X-Forwarded-For: x } } }",
      /the proxy's own business/,
    ],
    ["{ backend: s, request_headers: { remove: [connection] } }", /the proxy's own business/],
    ['{ backend: s, response_headers: { set: { A: "x\\ny" } } }', /visible ASCII/],
    [
      "{ backend: s, request_headers: { set: { Host: 'a b' } } }",
      /7:\d+: "a b" is not a host; write a name or an address, maybe with a port/,
    ],
    ["{ backend: s, request_headers: { set: { host: '' } } }", /7:\d+: "" is not a host/],
    ["{ backend: s, request_headers: { set: { Host: '::1' } } }", /7:\d+: "::1" is not a host/],
    [
      "{ backend: s, request_headers: { set: { Host: a, host: b } } }",
      /7:\d+: a request has exactly one Host, and here are two/,
    ],
    [
      "{ backend: s, headers: { Cookie: a=1, cookie: b=2 } }",
      /7:\d+: this name is there already, and each can have one value/,
    ],
    [
      "{ backend: s, request_headers: { add: { Host: a } } }",
      /7:\d+: .* request_headers can set it/,
    ],
    ["{ backend: s, request_headers: { remove: [host] } }", /7:\d+: .* request_headers can set it/],
    ["{ backend: s, response_headers: { set: { Host: a } } }", /7:\d+: .* request_headers can set/],
    [
      "{ backend: s, rate_limit: { requests: fast } }",
      /"fast" is not a rate; write 100\/s or 5\/m/,
    ],
    ["{ respond: { status: 204, body: x } }", /7:\d+: an answer of status 204, .* has no body/],
    ["{ respond: { status: 304, file: x } }", /7:\d+: an answer of status 204, .* has no body/],
    ["{ backend: s, allow: [x] }", /not an address range/],
    ["{ backend: s, basic_auth: { file: nobody } }", /nobody: it does not exist/],
    ["{ backend: s, methods: [get] }", /capitals/],
    ["{ backend: s, redirct: {} }", /unknown key "redirct", did you mean "redirect"/],
  ];
  for (const [route, message] of wrong) {
    await using file = await ConfigFile.create(yaml(route));
    const { code, stderr } = await commandHere(["check", "--config", file.path]);
    assert.equal(code, 1, route);
    assert.match(stderr, message, route);
  }
  await using file = await ConfigFile.create(
    yaml(
      "{ hosts: [a.test], backend: s, strip_prefix: /v1, deny: [10.0.0.1], rate_limit: { requests: 5/m } }",
    ) +
      "  - { hosts: [b.test], redirect: { to: 'https://a.test{path}', status: 301 } }\n" +
      "  - { hosts: [a.test], paths: [/x], backend: s }\n" +
      "tests:\n  - { host: b.test, path: /q, expect: { redirect: 'https://a.test/q', status: 301 } }\n",
  );
  const checked = await runCommand(["check", "--config", file.path]);
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(
    checked.stderr,
    /9:5: warning: this route never matches: route 1 takes all of it before/,
  );
  const { stdout } = await runCommand([
    ...["explain", "--config", file.path, "https://a.test/v1/x"],
  ]);
  assert.match(
    stdout,
    /rule +deny 10\.0\.0\.1: 403\n[^]*rule +rate_limit [^]*rule +strip_prefix \/v1/,
  );
});
