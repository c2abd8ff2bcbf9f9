import assert from "node:assert/strict";
import { startBackend, startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { CODINGS, decode, startCompressing } from "./support/codings.ts";
import { fromLatin1, latin1, type TestConnection } from "./support/connection.ts";
import {
  encodeAnswer,
  encodeChunks,
  encodeRequest,
  readAnswer,
  readRequest,
  type SeenAnswer,
  valuesOf,
} from "./support/http.ts";
import { fieldOf, Http2Client } from "./support/http2_client.ts";
import { startNodeHttp2 } from "./support/node_http2_server.ts";
import { ENGINES, runCommand } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";
import { runOk } from "./support/tools.ts";

const TEXT = Array.from({ length: 3000 }, (_, i) => `line ${i} of a page, ${i * i % 97}\n`).join(
  "",
);

/** Asks on a connection, as a client that takes these codings. */
async function ask(
  client: TestConnection,
  target: string,
  { accepts = "gzip", method = "GET", fields = [] }: {
    readonly accepts?: string | undefined;
    readonly method?: string;
    readonly fields?: readonly string[];
  } = {},
): Promise<SeenAnswer> {
  const lines = [...accepts === "" ? [] : [`Accept-Encoding: ${accepts}`], ...fields];
  await client.write(encodeRequest(target, { method, fields: lines }));
  return await readAnswer(client, { method });
}

function decoded(answer: SeenAnswer): string {
  const [coding] = valuesOf(answer, "content-encoding");
  return coding === undefined ? answer.body : latin1(decode(coding, fromLatin1(answer.body)));
}

/** What a test looks at of an answer's head. */
function headOf(answer: SeenAnswer): Readonly<Record<string, string>> {
  const names = ["content-encoding", "vary", "etag", "accept-ranges", "content-length"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const values = valuesOf(answer, name);
      return values.length === 0 ? [] : [[name, values.join(" | ")]];
    }),
  );
}

/** Answers with what the target asks for: a length, chunks, or the connection's end. */
function startSite() {
  const type = "Content-Type: text/plain";
  return startBackend(async (connection) => {
    for (let request; (request = await readRequest(connection)) !== undefined;) {
      const { target, method } = request;
      const head = ["HTTP/1.1 200 OK", type];
      if (target === "/end") {
        await connection.write([...head, "Connection: close", "", TEXT].join("\r\n"));
        return;
      }
      const length = target.endsWith("/length");
      head.push(length ? `Content-Length: ${TEXT.length}` : "Transfer-Encoding: chunked", "", "");
      const pieces = TEXT.match(/[^]{1,5000}/g) ?? [];
      const body = length ? TEXT : encodeChunks(pieces, ["X-Trailer: 1"]);
      await connection.write(head.join("\r\n") + (method === "HEAD" ? "" : body));
    }
  });
}

for (const engine of ENGINES) {
  Deno.test(`curl gets what it would without compression, and less of it (${engine})`, async () => {
    await using site = await startSite();
    await using proxy = await startCompressing(site.address, { engine });
    const { ca } = await testCertificates();
    for (const version of engine === "deno" ? ["--http1.1"] : ["--http1.1", "--http2"]) {
      for (const coding of CODINGS) {
        for (const target of ["/length", "/chunks", "/end"]) {
          const args = [
            ...["-sS", version, "--cacert", ca, "--compressed", "-H", `Accept-Encoding: ${coding}`],
            ...["-w", "\n%{size_download} %header{content-encoding}"],
            `https://localhost:${proxy.port}${target}`,
          ];
          const said = await runOk("curl", args);
          const end = said.lastIndexOf("\n");
          assert.ok(said.slice(0, end) === TEXT, `${version} ${coding} ${target}`);
          const [size = "", used] = said.slice(end + 1).split(" ");
          assert.equal(used, coding);
          assert.ok(Number(size) > 100 && Number(size) < TEXT.length / 3, size);
          const line = await proxy.log.first(/ info request .* out=(\d+) /);
          assert.ok(Number(line[1]) < TEXT.length / 2, "what was sent is logged");
        }
      }
    }
    assert.deepEqual(proxy.log.matching(/ request .* error=[^-]/), []);
  });
}

interface HeadCase {
  readonly name: string;
  readonly accepts?: string;
  readonly asks?: readonly string[];
  readonly says?: readonly string[];
  readonly becomes: Readonly<Record<string, string>>;
}

const BODY = "All animals are equal. ".repeat(100);
const LENGTH = String(BODY.length);

const HEAD_CASES: readonly HeadCase[] = [
  {
    name: "no coding that it takes",
    accepts: "deflate",
    becomes: { vary: "Accept-Encoding", "content-length": LENGTH },
  },
  { name: "silence", accepts: "", becomes: { vary: "Accept-Encoding", "content-length": LENGTH } },
  {
    name: "a malformed wish",
    accepts: "gzip;q=7",
    becomes: { vary: "Accept-Encoding", "content-length": LENGTH },
  },
  {
    name: "validators and ranges",
    says: ['ETag: "a"', "Accept-Ranges: bytes", "Vary: Origin"],
    becomes: { "content-encoding": "gzip", etag: 'W/"a"', vary: "Origin, Accept-Encoding" },
  },
  {
    name: "validators and ranges of a body that stays",
    accepts: "",
    says: ['ETag: "a"', "Accept-Ranges: bytes", "Vary: Origin"],
    becomes: {
      ...{ etag: '"a"', "accept-ranges": "bytes", vary: "Origin, Accept-Encoding" },
      "content-length": LENGTH,
    },
  },
  {
    name: "Vary: *",
    says: ["Vary: *"],
    becomes: { "content-encoding": "gzip", vary: "*" },
  },
  {
    name: "no-transform",
    says: ["Cache-Control: no-transform"],
    becomes: { "content-length": LENGTH },
  },
  {
    name: "another coding",
    says: ["Content-Encoding: identity"],
    becomes: { "content-encoding": "identity", "content-length": LENGTH },
  },
  {
    name: "a digest",
    says: ["Content-Digest: sha-256=:AA==:"],
    becomes: { "content-length": LENGTH },
  },
  { name: "a picture", says: ["Content-Type: image/png"], becomes: { "content-length": LENGTH } },
  {
    name: "a range that is asked for",
    asks: ["Range: bytes=0-"],
    says: ["Accept-Ranges: bytes"],
    becomes: { "accept-ranges": "bytes", vary: "Accept-Encoding", "content-length": LENGTH },
  },
];

Deno.test("heads of compressed answers, of HEAD as of GET, by HTTP/1.1 and HTTP/2", async () => {
  let says: readonly string[] = [];
  await using backend = await startHttp(({ method }) => {
    const isTyped = says.some((line) => line.startsWith("Content-Type"));
    const fields = [...isTyped ? [] : ["Content-Type: text/html"], ...says];
    const answer = encodeAnswer(BODY, { fields });
    return method === "HEAD" ? answer.slice(0, -BODY.length) : answer;
  });
  await using proxy = await startCompressing(backend.address);
  using client = await connectTls(proxy.port);
  using http2 = await Http2Client.connect(proxy.port);
  let id = 1;
  for (const { name, accepts = "gzip", asks = [], becomes, ...more } of HEAD_CASES) {
    says = more.says ?? [];
    const get = await ask(client, "/", { accepts, fields: asks });
    const { "content-length": length, ...head } = headOf(get);
    const isCoded = becomes["content-encoding"] === "gzip";
    const { "content-length": expected, ...rest } = becomes;
    assert.deepEqual(head, rest, name);
    assert.equal(length, isCoded ? String(get.body.length) : expected, name);
    assert.equal(isCoded ? decoded(get) : get.body, BODY, name);
    const ofHead = await ask(client, "/", { accepts, fields: asks, method: "HEAD" });
    assert.deepEqual(headOf(ofHead), becomes, `HEAD: ${name}`);
    const fields = [...accepts === "" ? [] : [["accept-encoding", accepts] as const]];
    const asked = asks.map((line) => line.toLowerCase().split(": ") as [string, string]);
    await http2.ask(id, "/", { fields: [...fields, ...asked] });
    const answer = await http2.answer(id);
    id += 2;
    const seen = { ...get, fields: answer.fields, body: answer.body };
    const { "content-length": length2, ...head2 } = headOf(seen);
    assert.deepEqual(head2, rest, `HTTP/2: ${name}`);
    assert.equal(length2, length, name);
    assert.equal(isCoded ? decoded(seen) : seen.body, BODY, name);
  }
});

Deno.test("what has no body, is short or is left out of compression stays as it is", async () => {
  const type = "Content-Type: text/html";
  await using backend = await startHttp(({ target }) => {
    switch (target) {
      case "/short":
        return encodeAnswer("x".repeat(1023), { fields: [type] });
      case "/short-chunk":
        return `HTTP/1.1 200 OK\r\n${type}\r\nTransfer-Encoding: chunked\r\n\r\n` +
          encodeChunks(["x".repeat(1023)]);
      case "/204":
        return `HTTP/1.1 204 No\r\n${type}\r\n\r\n`;
      case "/206":
        return encodeAnswer(BODY, { status: 206, fields: [type, "Content-Range: bytes 0-1/2"] });
      case "/304":
        return `HTTP/1.1 304 Not\r\nETag: "a"\r\n\r\n`;
      default:
        return encodeAnswer(BODY, { fields: [type] });
    }
  });
  await using proxy = await startCompressing(backend.address);
  using client = await connectTls(proxy.port);
  const short = await ask(client, "/short");
  assert.deepEqual([headOf(short), short.body.length], [{ "content-length": "1023" }, 1023]);
  const chunk = await ask(client, "/short-chunk");
  assert.deepEqual([headOf(chunk), chunk.body.length], [{ vary: "Accept-Encoding" }, 1023]);
  assert.equal((await ask(client, "/204")).status, 204);
  const part = await ask(client, "/206");
  assert.deepEqual([part.status, part.body], [206, BODY]);
  const known = await ask(client, "/304", { fields: ['If-None-Match: W/"a"'] });
  assert.deepEqual([known.status, headOf(known)], [304, {
    etag: 'W/"a"',
    vary: "Accept-Encoding",
  }]);
  const strong = await ask(client, "/304", { fields: ['If-None-Match: "a"'] });
  assert.deepEqual([strong.status, headOf(strong)], [304, {
    etag: '"a"',
    vary: "Accept-Encoding",
  }]);
  const plain = await ask(client, "/plain");
  assert.deepEqual([headOf(plain), plain.body], [{ "content-length": LENGTH }, BODY]);
  assert.deepEqual(backend.requests.map((seen) => valuesOf(seen, "if-none-match")).flat(), [
    'W/"a"',
    '"a"',
  ]);
  using old = await connectTls(proxy.port);
  await old.write("GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
  const answer = await readAnswer(old);
  assert.deepEqual(headOf(answer), { vary: "Accept-Encoding", "content-length": LENGTH });
  assert.equal(answer.body, BODY);
});

Deno.test("rules for answers come first, and Via and HTTP/2 servers are no trouble", async () => {
  await using server = await startNodeHttp2(`
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": "1" }));
    stream.respond({ ":status": 200, "content-type": "application/json", etag: '"a"' },
      { waitForTrailers: true });
    stream.write("[" + "1,".repeat(20000));
    setImmediate(() => stream.end("1]"));
  `);
  await using proxy = await startCompressing(server.address, {
    backend: { protocol: "h2" },
    route: { response_headers: { set: { Vary: "Origin", "X-Own": "1" }, remove: ["ETag"] } },
    settings: { forwarded: { via: true } },
  });
  using client = await connectTls(proxy.port);
  const answer = await ask(client, "/", { accepts: "br, gzip;q=0.1" });
  assert.deepEqual(headOf(answer), {
    ...{ "content-encoding": "br", vary: "Origin, Accept-Encoding" },
  });
  assert.deepEqual(valuesOf(answer, "x-own"), ["1"]);
  assert.deepEqual(valuesOf(answer, "via"), ["2.0 tls-proxy"]);
  assert.equal(JSON.parse(decoded(answer)).length, 20001);
  assert.deepEqual(answer.trailers, [["x-trailer", "1"]]);
  using http2 = await Http2Client.connect(proxy.port);
  await http2.ask(1, "/", { fields: [["accept-encoding", "zstd"]] });
  const second = await http2.answer(1);
  assert.equal(JSON.parse(decoded({ ...answer, ...second })).length, 20001);
  assert.deepEqual(second.trailers, [["x-trailer", "1"]]);
  assert.equal(fieldOf(second.fields, "via"), "2.0 tls-proxy");
});

Deno.test("Via names the version that the server spoke, compressed or not, to every client", async () => {
  let version = "";
  await using backend = await startHttp(() =>
    encodeAnswer(TEXT, { fields: ["Content-Type: text/plain", "Connection: keep-alive"] })
      .replace("HTTP/1.1", `HTTP/${version}`)
  );
  await using proxy = await startCompressing(backend.address, {
    settings: { forwarded: { via: true } },
  });
  using client = await connectTls(proxy.port);
  using http2 = await Http2Client.connect(proxy.port);
  let id = 1;
  for (version of ["1.0", "1.1"]) {
    for (const accepts of ["", "gzip"]) {
      const answer = await ask(client, "/", { accepts });
      assert.equal(headOf(answer)["content-encoding"], accepts === "" ? undefined : accepts);
      assert.deepEqual(valuesOf(answer, "via"), [`${version} tls-proxy`]);
      await http2.ask(id, "/", { fields: accepts === "" ? [] : [["accept-encoding", accepts]] });
      const { fields } = await http2.answer(id);
      assert.equal(fieldOf(fields, "content-encoding"), accepts === "" ? undefined : accepts);
      assert.equal(fieldOf(fields, "via"), `${version} tls-proxy`);
      id += 2;
    }
  }
  await proxy.log.count(/ request .* encoding=gzip/, 4);
  assert.equal(proxy.log.matching(/ encoding=/).length, 4);
});

Deno.test("rules take Via away or make it another, compressed or not, for every client", async () => {
  await using backend = await startHttp(({ target }) => {
    const via = target === "/far" ? ["Via: 1.1 far"] : [];
    return encodeAnswer(TEXT, { fields: ["Content-Type: text/plain", ...via] });
  });
  const cases: readonly [rule: object, via: readonly string[]][] = [
    [{ remove: ["Via"] }, []],
    [{ set: { via: "1.1 {id}" } }, ["1.1 x"]],
  ];
  for (const [rule, via] of cases) {
    await using proxy = await startCompressing(backend.address, {
      route: { response_headers: rule },
      settings: { forwarded: { via: true } },
    });
    using client = await connectTls(proxy.port);
    using http2 = await Http2Client.connect(proxy.port);
    let id = 1;
    for (const target of ["/", "/far"]) {
      for (const accepts of ["identity", "gzip"]) {
        const answer = await ask(client, target, { accepts, fields: ["X-Request-Id: x"] });
        assert.deepEqual(valuesOf(answer, "via"), via, accepts);
        await http2.ask(id, target, {
          fields: [["accept-encoding", accepts], ["x-request-id", "x"]],
        });
        const { fields } = await http2.answer(id);
        const told = fields.flatMap(([name, value]) => name === "via" ? [value] : []);
        assert.deepEqual(told, via, accepts);
        id += 2;
      }
    }
  }
});

Deno.test("a server that is to leave compression to the proxy need not be told what clients take", async () => {
  await using site = await startSite();
  for (
    const rules of [{ remove: ["Accept-Encoding"] }, { set: { "Accept-Encoding": "identity" } }]
  ) {
    await using proxy = await startCompressing(site.address, { route: { request_headers: rules } });
    using client = await connectTls(proxy.port);
    // as most clients write their heads, and as few do
    for (const fields of [[], ["A:  b"]]) {
      for (const target of ["/length", "/chunks"]) {
        const answer = await ask(client, target, { fields });
        assert.equal(headOf(answer)["content-encoding"], "gzip", JSON.stringify(rules));
        assert.equal(decoded(answer), TEXT);
      }
    }
  }
});

Deno.test("own answers are compressed, with the same rules", async () => {
  await using backend = await startHttp();
  await using proxy = await startCompressing(backend.address, {
    settings: {
      routes: [
        { paths: ["/page"], respond: { type: "text/html", body: TEXT }, compress: true },
        { paths: ["/word"], respond: { body: "word" }, compress: true },
        { paths: ["/plain"], respond: { type: "text/html", body: TEXT } },
        { paths: ["/grpc"], allow: ["192.0.2.1"], backend: "site", compress: true },
        { backend: "site" },
      ],
    },
  });
  using client = await connectTls(proxy.port);
  for (const accepts of ["gzip", "gzip", "br", "zstd"]) {
    const page = await ask(client, "/page", { accepts });
    assert.equal(headOf(page)["content-encoding"], accepts);
    assert.equal(headOf(page).vary, "Accept-Encoding");
    assert.equal(decoded(page), TEXT);
  }
  const plain = await ask(client, "/page", { accepts: "" });
  assert.equal(plain.body, TEXT);
  const tag = headOf(plain).etag ?? "";
  const coded = await ask(client, "/page", { method: "HEAD" });
  assert.equal(headOf(coded).etag, `W/${tag}`);
  const known = await ask(client, "/page", { fields: [`If-None-Match: W/${tag}`] });
  assert.deepEqual([known.status, headOf(known).etag], [304, `W/${tag}`]);
  const word = await ask(client, "/word");
  assert.deepEqual([word.body, headOf(word).vary], ["word", undefined]);
  assert.equal(headOf(await ask(client, "/plain"))["content-encoding"], undefined);
});

Deno.test("explain shows that a route compresses, check has nothing against it, metrics count", async () => {
  await using backend = await startHttp(() =>
    encodeAnswer(TEXT, { fields: ["Content-Type: text/plain"] })
  );
  await using proxy = await startCompressing(backend.address, {
    settings: { admin: { listen: "127.0.0.1:0" }, workers: 1 },
  });
  const { path } = proxy.config;
  const explained = await runCommand(["explain", "https://localhost/", "--config", path]);
  assert.match(explained.stdout, /compress by zstd, gzip, br/);
  const plain = await runCommand(["explain", "https://localhost/plain", "--config", path]);
  assert.doesNotMatch(plain.stdout, /compress/);
  const checked = await runCommand(["check", "--config", path]);
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  assert.doesNotMatch(checked.stdout + checked.stderr, /compress/);

  using client = await connectTls(proxy.port);
  const answer = await ask(client, "/", { accepts: "zstd" });
  await ask(client, "/plain", { accepts: "zstd" });
  await proxy.log.count(/ info request /, 2);
  const [, admin] = await proxy.says.first(/admin .*(127\.0\.0\.1:\d+)/);
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const metric = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  assert.equal(metric('tls_proxy_compressed_answers_total\\{coding="zstd"\\}'), 1);
  const bytes = 'tls_proxy_compressed_bytes_total\\{coding="zstd",direction';
  assert.equal(metric(`${bytes}="in"\\}`), TEXT.length);
  assert.equal(metric(`${bytes}="out"\\}`), answer.body.length);
});
