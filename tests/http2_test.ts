import assert from "node:assert/strict";
import { startBackend, startHeld, startHttp, unusedPort } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, pause } from "./support/deadline.ts";
import { encodeAnswer, readAnswer, readRequestHead, valuesOf } from "./support/http.ts";
import { fieldOf, Http2Client } from "./support/http2_client.ts";
import {
  data,
  frame,
  headers,
  joined,
  opening,
  type RawField,
  requestFields,
  resetFrame,
  settings,
  splitFrames,
  windowUpdate,
} from "./support/http2_frames.ts";
import { MALFORMED_HTTP2 } from "./support/http2_malformed.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTcp, connectTls, openTls } from "./support/tls_client.ts";
import { run, runOk } from "./support/tools.ts";
import { encodeLatin1 } from "../lib/core/latin1.ts";
import type { EngineName } from "../lib/tls/engine.ts";
import { ERROR, FLAG, FRAME, SETTING } from "../lib/http2/wire.ts";

/** What holds for one holds for the other: nothing below knows the engine. */
const ENGINE: EngineName = "deno";
/** One that tells the name that was asked for. */
const SEEING_ENGINE = ENGINES.find((engine) => engine !== "deno");

for (const engine of ENGINES) {
  Deno.test(`HTTP/2 is preferred where a client speaks it, and can be turned off (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const chosen = async (port: number, alpn: readonly string[] | undefined) => {
      const conn = await openTls(port, alpn);
      const { alpnProtocol } = await conn.handshake();
      conn.close();
      return alpnProtocol;
    };
    assert.equal(await chosen(proxy.port, ["http/1.1", "h2"]), "h2");
    assert.equal(await chosen(proxy.port, ["http/1.1"]), "http/1.1");
    assert.ok(!await chosen(proxy.port, undefined));
    const { ec } = await testCertificates();
    await using plain = await startConfigured(JSON.stringify({
      listeners: [{ listen: "127.0.0.1:0", engine, http2: false }],
      certificates: [ec],
      backends: { a: { servers: [backend.address] } },
      routes: [{ backend: "a" }],
    }));
    assert.equal(await chosen(plain.port, ["h2", "http/1.1"]), "http/1.1");
  });

  Deno.test(`requests by HTTP/2 are served as those by HTTP/1.1 are (${engine})`, async () => {
    await using backend = await startHttp(({ method, target, body }) =>
      encodeAnswer(`${method} ${target} ${body}`, {
        fields: ["X-Own: 1", "Connection: x-hop", "X-Hop: 1"],
      })
    );
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    using client = await Http2Client.connect(proxy.port);
    await client.ask(1, "/a?b", {
      fields: [["cookie", "a=1"], ["cookie", "b=2"], ["x-forwarded-for", "1.1.1.1"]],
    });
    await client.ask(3, "/post", { method: "POST", body: "body" });
    await client.ask(5, "/head", { method: "HEAD" });
    const [get, post, head] = [
      await client.answer(1),
      await client.answer(3),
      await client.answer(5),
    ];
    assert.deepEqual([get.status, get.body], [200, "GET /a?b "]);
    assert.equal(fieldOf(get.fields, "x-own"), "1");
    assert.equal(fieldOf(get.fields, "connection") ?? fieldOf(get.fields, "x-hop"), undefined);
    assert.equal(post.body, "POST /post body");
    assert.deepEqual([head.status, head.body, fieldOf(head.fields, "content-length")], [
      200,
      "",
      "11",
    ]);
    const request = backend.requests.find(({ target }) => target === "/a?b");
    assert.ok(request !== undefined);
    assert.deepEqual(valuesOf(request, "Host"), ["localhost"]);
    assert.deepEqual(valuesOf(request, "Cookie"), ["a=1; b=2"]);
    assert.deepEqual(valuesOf(request, "X-Forwarded-For"), ["127.0.0.1"]);
    assert.deepEqual(valuesOf(request, "X-Forwarded-Proto"), ["https"]);
    const chunked = backend.requests.find(({ target }) => target === "/post");
    assert.deepEqual(chunked && valuesOf(chunked, "Transfer-Encoding"), ["chunked"]);
    client.connection.close();
    const line = await proxy.log.first(/ request .*target=\/a\?b .*/);
    assert.match(line[0], /method=GET target=\/a\?b status=200 in=\d+ out=\d+ .*version=2$/);
  });

  Deno.test(`curl moves large bodies by HTTP/2, both ways (${engine})`, async () => {
    await using backend = await startHttp(({ body }) => encodeAnswer(body));
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    const { ca } = await testCertificates();
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const input = new Uint8Array(3_000_000);
    for (let at = 0; at < input.length; at += sent.length) input.set(sent, at);
    const url = `https://localhost:${proxy.port}/echo`;
    const args = ["-s", "--http2", "--cacert", ca, "-w", "%{stderr}%{http_version}"];
    const echoed = await run("curl", [...args, "--data-binary", "@-", url], { input });
    assert.equal(echoed.stderr, "2");
    assert.deepEqual(echoed.bytes, input);
  });
}

Deno.test("nothing that is malformed reaches a server, in every place", async () => {
  await using backend = await startHttp();
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  let client: Http2Client | undefined;
  let id = 1;
  for (const [why, fields] of MALFORMED_HTTP2) {
    // a client that is at fault too often is closed
    if (client === undefined || id > 160) {
      client?.[Symbol.dispose]();
      client = await Http2Client.connect(proxy.port);
      id = 1;
    }
    await client.send(headers(id, fields));
    const answer = await client.answer(id);
    assert.equal(answer.reset, ERROR.protocolError, why);
    id += 2;
  }
  assert.equal((await client?.get(id, "/good"))?.status, 200);
  client?.[Symbol.dispose]();
  assert.deepEqual(backend.requests.map(({ target }) => target), ["/good"]);
});

Deno.test("a body that lies about its length never looks whole to a server", async () => {
  let asked = Promise.withResolvers<void>();
  await using backend = await startBackend(async (connection) => {
    const { target } = await readRequestHead(connection);
    asked.resolve();
    await assert.rejects(connection.readText(10), /too early|reset|closed/i, target);
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  const fields = requestFields({ ":method": "POST" }, [["content-length", "10"]]);
  for (const [id, text] of [[1, "abc"], [3, "a longer one"]] as const) {
    asked = Promise.withResolvers();
    await client.send(headers(id, fields, { ended: false }));
    // a connection that was not asked for anything yet would be kept for the next request
    await asked.promise;
    await client.send(data(id, text, true));
    assert.equal((await client.answer(id)).reset, ERROR.protocolError);
  }
  await backend.allGone();
});

Deno.test("what a proxy refuses is refused by HTTP/2 as by HTTP/1.1", async () => {
  await using backend = await startHttp();
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address, gone: `127.0.0.1:${await unusedPort()}` },
    settings: {
      routes: [{ paths: ["/gone"], backend: "gone" }, { paths: ["/a"], backend: "default" }],
      limits: { header_bytes: "2KiB", headers: 20, body: 10 },
    },
  });
  using client = await Http2Client.connect(proxy.port);
  const many = Array.from({ length: 21 }, (_, i) => [`x-${i}`, "1"] as const);
  const cases: readonly [
    status: number,
    path: string,
    options?: Parameters<Http2Client["ask"]>[2],
  ][] = [
    [200, "/a"],
    [404, "/none"],
    [502, "/gone"],
    [405, "/a", { method: "TRACE" }],
    [413, "/a", { method: "POST", body: "x".repeat(11) }],
    [413, "/a", { method: "POST", body: "x".repeat(11), fields: [["content-length", "11"]] }],
    [414, `/${"a".repeat(3000)}`],
    [417, "/a", { fields: [["expect", "a-miracle"]] }],
    [431, "/a", { fields: [["x-a", "a".repeat(3000)]] }],
    [431, "/a", { fields: many }],
    [431, "/a", { fields: [["x-a", "a".repeat(12_000)]] }],
    [200, "/a"],
  ];
  for (const [i, [status, path, options]] of cases.entries()) {
    const id = 2 * i + 1;
    await client.ask(id, path, options);
    const answer = await client.answer(id);
    assert.equal(answer.status, status, `${status} ${path.slice(0, 20)}`);
  }
  // who asks for JSON gets it, and a client of gRPC what that means there
  await client.ask(101, "/none", { fields: [["accept", "application/json"]] });
  assert.equal(JSON.parse((await client.answer(101)).body).status, 404);
  await client.ask(103, "/gone", {
    method: "POST",
    fields: [["content-type", "application/grpc"], ["te", "trailers"]],
    body: "",
  });
  const grpc = await client.answer(103);
  assert.deepEqual([grpc.status, fieldOf(grpc.fields, "grpc-status"), grpc.body], [200, "14", ""]);
  assert.ok(
    Date.parse(fieldOf(grpc.fields, "date") ?? "") > 0,
    "it says when, as any other answer",
  );
  assert.equal(fieldOf(grpc.fields, "content-length"), undefined);
  await client.send(
    headers(105, requestFields({ ":method": "CONNECT", ":scheme": undefined, ":path": undefined })),
  );
  assert.equal((await client.answer(105)).status, 405);
  // also where its head is so large that it was not read to its end
  await client.ask(107, "/a", {
    method: "POST",
    fields: [["content-type", "application/grpc"], ["x-a", "a".repeat(12_000)]],
    body: "",
  });
  const cut = await client.answer(107);
  assert.deepEqual([cut.status, fieldOf(cut.fields, "grpc-status"), cut.body], [200, "8", ""]);
  // the limit that is over, also where so many came that not all were read
  for (const [id, count] of [[109, 21], [111, 300]] as const) {
    const fields = Array.from({ length: count }, (_, i) => [`x-${i}`, "1"] as const);
    await client.ask(id, "/a", { fields });
    const { status, body } = await client.answer(id);
    assert.equal(status, 431);
    assert.match(body, /There are more than 20 header fields/);
  }
});

Deno.test("a refusal is told to its end, though more of what is refused comes meanwhile", async () => {
  await using backend = await startHttp(undefined, { brokenOff: true });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { limits: { body: 10 } },
  });
  using client = await Http2Client.connect(proxy.port, {
    grants: false,
    settings: [[SETTING.initialWindowSize, 5]],
  });
  const promised: RawField[] = [["content-length", "40"]];
  for (const [id, fields] of [[1, []], [3, promised]] as const) {
    await client.ask(id, "/", { method: "POST", fields, ended: false });
    await client.send(data(id, "a".repeat(20)));
    await client.until(() => client.seen(id).body.length === 5 || undefined, "what is allowed");
    await client.send(data(id, "a".repeat(20), true));
    await pause(100);
    await client.send(windowUpdate(id, 1000));
    const { status, ended, body } = await client.answer(id);
    assert.deepEqual([status, ended], [413, true]);
    assert.match(body, /larger than 10 bytes/);
  }
});

Deno.test("a request for a host of another certificate is misdirected (421)", async () => {
  await using backend = await startHttp();
  const { ec, api } = await testCertificates();
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", engine: SEEING_ENGINE }],
    certificates: [ec, api],
    backends: { a: { servers: [backend.address] } },
    routes: [{ backend: "a" }],
  }));
  using client = await Http2Client.connect(proxy.port);
  await client.send(headers(1, requestFields({ ":authority": "api.example.test" })));
  await client.send(headers(3, requestFields({ ":authority": "localhost" })));
  assert.equal((await client.answer(3)).status, 200);
  assert.equal((await client.answer(1)).status, 421);
});

Deno.test("trailers and interim answers pass, both ways", async () => {
  await using backend = await startHttp(({ trailers }) =>
    [
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n",
      `3\r\nabc\r\n0\r\nX-Sum: ${trailers.map(([name, value]) => `${name}=${value}`)}\r\n`,
      "Content-Length: 5\r\n\r\n",
    ].join("")
  );
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/", { method: "POST", ended: false });
  await client.send(data(1, "body"), headers(1, [["x-trailer", "t"], ["host", "evil"]]));
  const answer = await client.answer(1);
  assert.deepEqual(answer.interim.map(({ status }) => status), [103]);
  assert.equal(answer.body, "abc");
  assert.deepEqual(answer.trailers, [["x-sum", "x-trailer=t"]]);
});

Deno.test("behind a body of a known length a server by HTTP/1.1 gets no trailers", async () => {
  const heads: string[] = [];
  await using backend = await startBackend(async (connection, index) => {
    for (const length of [4, 0, 0]) {
      heads.push(`${index} ${await connection.readUntil("\r\n")}`);
      await connection.readUntil("\r\n\r\n");
      await connection.readBytes(length);
      // so that trailers have the time to come
      await pause(300);
      await connection.write(encodeAnswer(""));
    }
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  const smuggled: RawField[] = [["get", "/evil HTTP/1.1"]];
  for (const [id, body] of [[1, "body"], [3, ""]] as const) {
    const fields: RawField[] = [["content-length", `${body.length}`]];
    await client.ask(id, `/${id}`, { method: "POST", fields, ended: false });
    await client.send(data(id, body), headers(id, smuggled));
    assert.equal((await client.answer(id)).status, 200);
  }
  assert.equal((await client.get(5, "/5")).status, 200);
  assert.deepEqual(heads, [
    "0 POST /1 HTTP/1.1\r\n",
    "0 POST /3 HTTP/1.1\r\n",
    "0 GET /5 HTTP/1.1\r\n",
  ]);
});

Deno.test("an answer before the upload has ended resets the stream, and the connection goes on", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write(encodeAnswer("enough", { fields: ["Connection: close"] }));
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/", { method: "POST", ended: false });
  await client.send(data(1, "a".repeat(1000)));
  const answer = await client.until(
    () => client.seen(1).reset === undefined ? undefined : client.seen(1),
    "a reset",
  );
  assert.deepEqual([answer.status, answer.body, answer.ended, answer.reset], [
    200,
    "enough",
    true,
    0,
  ]);
  // what was on its way
  await client.send(data(1, "more", true));
  await client.ask(3, "/", { method: "POST", body: "x" });
  assert.equal((await client.answer(3)).status, 200);
});

Deno.test("a stream that its client resets ends its request at the server", async () => {
  const asked = Promise.withResolvers<void>();
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    asked.resolve();
    await connection.untilGone();
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/");
  await asked.promise;
  await client.send(resetFrame(1, ERROR.cancel));
  await backend.allGone();
  await proxy.log.first(/ request .* error=client_gone/);
});

Deno.test("a request that is reset together with its head is told of, and no server gets it", async () => {
  await using backend = await startHttp();
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { admin: { listen: "127.0.0.1:0" } },
  });
  const [, admin = ""] = await proxy.says.first(/admin page: (http:\S+)\/$/);
  using client = await Http2Client.connect(proxy.port);
  await client.send(joined([headers(1, requestFields()), resetFrame(1, ERROR.cancel)]));
  await proxy.log.first(/ request .* target=\/ .* error=client_gone/);
  assert.equal((await client.get(3, "/")).status, 200);
  assert.equal(backend.requests.length, 1);
  await proxy.log.count(/ request /, 2);
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  assert.match(metrics, /^tls_proxy_request_errors_total\{code="client_gone"\} 1$/m);
});

Deno.test("a stream that its client's frames end is told by what is wrong with them", async () => {
  await using backend = await startHeld("never");
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  const post = requestFields({ ":method": "POST" }, [["content-length", "5"]]);
  const most = windowUpdate(1, 2 ** 31 - 1);
  const cases: readonly [path: string, told: RegExp, ...frames: Uint8Array[]][] = [
    ["/data-behind-end", /status=0 .*error=bad_frame .*DATA stands .*STREAM_CLOSED/, data(1, "x")],
    ["/window-too-large", /status=0 .*error=bad_frame .*A window .*FLOW_CONTROL_ERROR/, most],
    ["/window-of-0", /status=0 .*error=bad_frame .*WINDOW_UPDATE .*PROTOCOL/, windowUpdate(1, 0)],
    ["/too-short", /status=400 .*error=truncated_request .*shorter/, data(1, "abc", true)],
    ["/too-long", /status=400 .*error=bad_length .*longer/, data(1, "abcdef", true)],
    ["/bad-trailers", /status=400 .*error=bad_field /, data(1, "abcde"), headers(1, [["A", "b"]])],
    // which ends the connection
    ["/bad-ping", /status=0 .*error=bad_frame .*PING has 1 /, frame(FRAME.ping, { payload: [1] })],
  ];
  for (const [path, told, ...frames] of cases) {
    using client = await Http2Client.connect(proxy.port);
    const hasBody = frames.some(([, , , type]) => type === FRAME.data) &&
      path !== "/data-behind-end";
    const fields = hasBody ? post : requestFields();
    const own = fields.map(([name, value]) => [name, name === ":path" ? path : value] as const);
    await client.send(headers(1, own, { ended: !hasBody }), ...frames);
    const [line] = await proxy.log.first(new RegExp(` request .*target=${path} .*`));
    assert.match(line, told);
  }
});

Deno.test("a gRPC stream beyond the limit of bodies is told so where its answer has begun", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n");
    await connection.untilGone();
  }, { brokenOff: true });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { limits: { body: 10 } },
  });
  using client = await Http2Client.connect(proxy.port);
  const begin = async (id: number, type: string) => {
    const fields = requestFields({ ":method": "POST", "content-type": type });
    await client.send(joined([headers(id, fields, { ended: false }), data(id, "x")]));
    await client.until(() => client.seen(id).status || undefined, "an answer");
    await client.send(data(id, "x".repeat(10)));
    return (await client.answer(id)).reset;
  };
  // RESOURCE_EXHAUSTED to it
  assert.equal(await begin(1, "application/grpc"), ERROR.enhanceYourCalm);
  assert.equal(await begin(3, "text/plain"), ERROR.cancel);
});

Deno.test("an answer that breaks off is seen to be broken", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  const answer = await client.get(1, "/");
  assert.deepEqual([answer.status, answer.body, answer.ended], [200, "abc", false]);
  assert.equal(answer.reset, ERROR.internalError);
});

Deno.test("a stream that takes nothing stops no other, and is given up after a while", async () => {
  const large = "a".repeat(3_000_000);
  await using backend = await startHttp(({ target }) =>
    encodeAnswer(target === "/large" ? large : "small")
  );
  await using proxy = await startImpatient(backend, "3s");
  using client = await Http2Client.connect(proxy.port, {
    grants: false,
    settings: [[SETTING.initialWindowSize, 1000]],
  });
  await client.send(windowUpdate(0, 10_000_000));
  await client.ask(1, "/large");
  await client.until(() => client.seen(1).body.length === 1000 || undefined, "a window's worth");
  for (const id of [3, 5, 7]) assert.equal((await client.get(id, "/small")).body, "small");
  assert.equal((await client.answer(1)).reset, ERROR.cancel);
  assert.equal((await client.get(9, "/small")).body, "small");
});

Deno.test("who lets nothing be sent does not keep its answers by PINGs", async () => {
  const large = "a".repeat(1_000_000);
  await using backend = await startHttp(() => encodeAnswer(large));
  await using proxy = await startImpatient(backend, "2s");
  using client = await Http2Client.connect(proxy.port, ONE_WINDOW);
  for (const id of [1, 3]) await client.ask(id, "/");
  const pings = setInterval(() => client.send(PING_FRAME).catch(() => {}), 200);
  try {
    for (const id of [1, 3]) assert.equal((await client.answer(id)).reset, ERROR.cancel);
  } finally {
    clearInterval(pings);
  }
});

/** A client that has all of its streams take what the one window of its connection lets be sent. */
const ONE_WINDOW = {
  grants: false,
  settings: [[SETTING.initialWindowSize, 10_000_000]],
} as const;

/** Starts a proxy that waits so long for who takes nothing of an answer, and sends nothing of a body. */
function startImpatient({ address }: { readonly address: string }, bodyIdle: string) {
  return startConfigured({
    engine: ENGINE,
    backends: { default: address },
    settings: { timeouts: { body_idle: bodyIdle } },
  });
}

const PING_FRAME = frame(FRAME.ping, { payload: new Uint8Array(8) });

Deno.test("an answer that has to wait for more urgent ones is not taken for one that nobody takes", async () => {
  const large = "a".repeat(1_000_000);
  await using backend = await startHttp(() => encodeAnswer(large));
  await using proxy = await startImpatient(backend, "2s");
  using client = await Http2Client.connect(proxy.port, ONE_WINDOW);
  for (const id of [1, 3, 5]) {
    await client.ask(id, "/urgent", { fields: [["priority", "u=0, i"]] });
  }
  await client.ask(7, "/other", { fields: [["priority", "u=7"]] });
  for (let i = 0; i < 50; i++) {
    await pause(100);
    await client.send(windowUpdate(0, 10_000));
  }
  assert.equal(client.seen(7).reset, undefined);
  await client.send(windowUpdate(0, 10_000_000));
  for (const id of [1, 3, 5, 7]) assert.equal((await client.answer(id)).body.length, large.length);
});

Deno.test("uploads go on while another stands still, and are asked for by windows", async () => {
  const waiting = Promise.withResolvers<void>();
  await using backend = await startBackend(async (connection) => {
    const { target } = await readRequestHead(connection);
    if (target === "/slow") await waiting.promise;
    else await connection.readUntil("0\r\n\r\n");
    await connection.write(encodeAnswer("done"));
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/slow", { method: "POST", ended: false });
  let window = 65_535;
  const frames = Math.floor(window / 16_000);
  for (let i = 0; i < frames; i++) await client.send(data(1, "a".repeat(16_000)));
  await client.ask(3, "/fast", { method: "POST", ended: false });
  let seen = 0;
  for (let sent = 0; sent < 2_000_000; sent += 16_000) {
    await client.until(() => {
      for (; seen < client.frames.length; seen++) {
        const { type, id, payload } = client.frames[seen] as (typeof client.frames)[number];
        if (type === FRAME.windowUpdate && id === 3) {
          window += new DataView(payload.buffer, payload.byteOffset).getUint32(0);
        }
      }
      return window >= 16_000 || undefined;
    }, "the stream's window");
    window -= 16_000;
    await client.send(data(3, "b".repeat(16_000)));
  }
  await client.send(data(3, "", true));
  assert.equal((await client.answer(3)).body, "done");
  waiting.resolve();
});

Deno.test("an upload that others keep from being sent is not taken for a slow one", async () => {
  const open = Promise.withResolvers<void>();
  await using backend = await startBackend(async (connection) => {
    const head = await readRequestHead(connection);
    // several times as long as a client may be silent
    if (head.target === "/late") pause(5_000).then(() => open.resolve());
    else await open.promise;
    let left = Number(valuesOf(head, "content-length")[0]);
    while (left > 0) left -= (await connection.readSome())?.length ?? left;
    await connection.write(encodeAnswer(head.target));
  }, { brokenOff: true });
  await using proxy = await startImpatient(backend, "2s");
  const { stdout } = await run("node", ["-e", STUCK_UPLOADS, `${proxy.port}`]);
  assert.deepEqual(stdout.trim().split("\n").sort(), ["/late 200", ...Array(8).fill("/stuck 200")]);
});

/** A client that uploads much to a server that does not read yet, and a little to another. */
const STUCK_UPLOADS = `
const http2 = require("node:http2");
// what it holds to be sent is more than it opens streams with by default
const options = { rejectUnauthorized: false, maxSessionMemory: 1000 };
const session = http2.connect("https://localhost:" + process.argv[1], options);
let open = 0;
function upload(path, size) {
  const head = { ":method": "POST", ":path": path, "content-length": size };
  const stream = session.request(head);
  open++;
  stream.on("response", ({ ":status": status }) => console.log(path, status));
  stream.on("error", () => {});
  stream.on("close", () => --open === 0 && session.close());
  stream.resume();
  stream.end(Buffer.alloc(size));
}
for (let i = 0; i < 8; i++) upload("/stuck", 8_000_000);
setTimeout(() => upload("/late", 100_000), 1500);
`;

Deno.test("more streams than are allowed are refused, and may be asked again", async () => {
  await using backend = await startHeld("hello");
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { limits: { streams: 2 } },
  });
  using client = await Http2Client.connect(proxy.port);
  for (const id of [1, 3, 5]) await client.ask(id, "/");
  assert.equal((await client.answer(5)).reset, ERROR.refusedStream);
  backend.release();
  assert.deepEqual([(await client.answer(1)).status, (await client.answer(3)).status], [200, 200]);
  assert.equal((await client.get(7, "/")).status, 200);
});

Deno.test("floods end the connection with ENHANCE_YOUR_CALM and a line", async () => {
  await using backend = await startHttp();
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  const floods: readonly [what: string, frames: (i: number) => Uint8Array][] = [
    ["rapid reset", (i) => {
      const [head, reset] = [headers(2 * i + 1, requestFields()), resetFrame(2 * i + 1, 8)];
      const both = new Uint8Array(head.length + reset.length);
      both.set(head);
      both.set(reset, head.length);
      return both;
    }],
    ["PING", () => frame(FRAME.ping, { payload: new Uint8Array(8) })],
    ["SETTINGS", () => settings()],
    ["CONTINUATION", (i) => frame(i === 0 ? FRAME.headers : FRAME.continuation, { id: 1 })],
  ];
  for (const [i, [what, frames]] of floods.entries()) {
    using client = await Http2Client.connect(proxy.port);
    for (let sent = 0; sent < 5000 && client.goaways.length === 0 && !client.closed; sent++) {
      await client.send(frames(sent)).catch(() => {});
    }
    await client.untilClosed();
    assert.equal(client.goaways[0]?.code, ERROR.enhanceYourCalm, what);
    await proxy.log.count(/ request .*error=flood/, i + 1);
  }
  assert.ok(backend.requests.length < 10, "streams that are reset at once cost the server nothing");
});

Deno.test("a client that is silent, or stops amid a head, is left", async () => {
  await using backend = await startHttp(undefined, { brokenOff: true });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { timeouts: { keep_alive: "2s", header: "2s", body_idle: "2s" } },
  });
  using idle = await Http2Client.connect(proxy.port);
  assert.equal((await idle.get(1, "/")).status, 200);
  using late = await Http2Client.connect(proxy.port);
  await late.send(frame(FRAME.headers, { id: 1, length: 100 }));
  using slow = await Http2Client.connect(proxy.port);
  await slow.ask(1, "/", { method: "POST", ended: false });
  assert.equal((await slow.answer(1)).status, 408);
  await Promise.all([idle.untilClosed(), late.untilClosed()]);
  assert.deepEqual(idle.goaways, [{ lastId: 1, code: 0 }]);
  await proxy.log.first(/ request .*status=408 .*error=header_timeout/);
  // that is all there is to tell of it
  await proxy.log.count(/ end .*how="header_timeout/, 1);
  assert.deepEqual(proxy.log.matching(/ error=bad_frame /), []);
});

Deno.test("behind its first request a client is waited for as behind any other", async () => {
  await using backend = await startHttp(undefined, { brokenOff: true });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { timeouts: { keep_alive: "20s", header: "1s" } },
  });
  // one that says nothing about what it gets
  using client = await Http2Client.connect(proxy.port, { grants: false });
  await client.until(() => client.frames.length > 0 || undefined, "settings");
  assert.equal((await client.get(1, "/")).status, 200);
  await pause(1500);
  assert.deepEqual([client.closed, client.goaways], [false, []]);
  assert.equal((await client.get(3, "/")).status, 200);
});

Deno.test("frames that ask for nothing keep no connection", async () => {
  await using backend = await startHttp(undefined, { brokenOff: true });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { timeouts: { keep_alive: "1500ms", header: "1500ms" } },
  });
  const ping = frame(FRAME.ping, { payload: new Uint8Array(8) });
  for (const asks of [true, false]) {
    using client = await Http2Client.connect(proxy.port);
    const isAcknowledged = () => client.frames.some(({ flags }) => flags === FLAG.ack) || undefined;
    await client.until(isAcknowledged, "settings and their acknowledgement");
    if (asks) assert.equal((await client.get(1, "/")).status, 200);
    const pinging = (async () => {
      while (!client.closed) {
        await client.send(ping.subarray(0, 9));
        await pause(100);
        await client.send(ping.subarray(9));
        await pause(100);
      }
    })().catch(() => {});
    await client.untilClosed();
    assert.deepEqual(client.goaways, [{ lastId: asks ? 1 : 0, code: 0 }]);
    await pinging;
  }
  await proxy.log.first(/ end .*requests=1 .*how=done/);
  await proxy.log.first(/ end .*requests=0 .*how="header_timeout/);
});

Deno.test("frames without data do not stop the clock on a client that stands still", async () => {
  await using backend = await startHttp(undefined, { brokenOff: true });
  await using proxy = await startImpatient(backend, "1s");
  using client = await Http2Client.connect(proxy.port);
  const padding = frame(FRAME.data, { id: 3, flags: FLAG.padded, payload: [2, 0, 0] });
  for (const [id, nothing] of [[1, data(1, "")], [3, padding]] as const) {
    await client.ask(id, "/", { method: "POST", ended: false });
    await client.send(data(id, "some"));
    await backend.accepted((id + 1) / 2);
    await client.send(nothing);
    assert.equal((await client.answer(id)).status, 408);
  }
});

Deno.test("a client may take its time with what it sends once it is answered", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let i = 0; i < 8; i++) {
      await connection.write("1\r\na\r\n");
      await pause(250);
    }
    await connection.readUntil("0\r\n\r\n");
    await connection.write("0\r\n\r\n");
  }, { brokenOff: true });
  await using proxy = await startImpatient(backend, "1s");
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/", { method: "POST", ended: false });
  await client.send(data(1, "some"));
  await client.until(() => client.seen(1).body.length === 8 || undefined, "all but the end");
  await client.send(data(1, "more", true));
  const answer = await client.answer(1);
  assert.deepEqual([answer.body, answer.ended], ["aaaaaaaa", true]);
});

Deno.test("a client that waits for 100 Continue is not late, and may be behind it", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await pause(2500);
    await connection.write("HTTP/1.1 100 Continue\r\n\r\n");
    await connection.readText(4);
    await connection.write(encodeAnswer("done", { fields: ["Connection: close"] }));
  }, { brokenOff: true });
  await using proxy = await startImpatient(backend, "1s");
  using client = await Http2Client.connect(proxy.port);
  const fields: RawField[] = [["expect", "100-continue"], ["content-length", "4"]];
  for (const id of [1, 3]) {
    await client.ask(id, "/", { method: "POST", fields, ended: false });
    await client.until(() => client.seen(id).interim[0] ?? client.seen(id).reset, "100");
    if (id === 1) await client.send(data(id, "body", true));
  }
  assert.equal((await client.answer(1)).body, "done");
  assert.equal((await client.answer(3)).status, 408);
});

Deno.test("a stop says so twice, and lets what runs come to its end", async () => {
  await using backend = await startHeld("hello");
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  using idle = await Http2Client.connect(proxy.port);
  await idle.until(() => idle.frames.length > 1 || undefined, "settings");
  await client.ask(1, "/");
  await backend.accepted(1);
  proxy.signal("SIGTERM");
  await client.until(() => client.goaways.length === 2 || undefined, "two GOAWAY");
  assert.deepEqual(client.goaways, [{ lastId: 0x7fff_ffff, code: 0 }, { lastId: 1, code: 0 }]);
  await client.ask(3, "/");
  backend.release();
  assert.equal((await client.answer(1)).body, "hello");
  await client.untilClosed();
  await idle.untilClosed();
  assert.equal(client.seen(3).status, 0);
  assert.equal((await proxy.status).code, 0);
});

Deno.test("a client that speaks of other things is not waited for when it is asked to leave", async () => {
  await using backend = await startHttp();
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { timeouts: { header: "1m", keep_alive: "1m", drain: "1m" } },
  });
  using client = await connectTls(proxy.port, ["h2"]);
  await client.write(opening());
  await client.readUntil(String.fromCharCode(FRAME.settings, FLAG.ack));
  proxy.signal("SIGTERM");
  // the PING behind the GOAWAY, which it does not answer
  await client.readUntil("liveness");
  await client.write(windowUpdate(0, 5000));
  await client.untilGone();
  assert.equal((await proxy.status).code, 0);
});

Deno.test("what a stop cuts off is not told as left by its client", async () => {
  await using backend = await startBackend(async (connection) => {
    const { target } = await readRequestHead(connection);
    if (target === "/begun") {
      await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun");
    }
    await connection.untilGone();
  }, { brokenOff: true });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { timeouts: { drain: "300ms" } },
  });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/begun");
  await client.ask(3, "/waiting");
  await backend.accepted(2);
  await client.until(() => client.seen(1).body === "begun" || undefined, "a beginning");
  proxy.signal("SIGTERM");
  await proxy.log.first(/ request .*target=\/begun status=200 .*error=draining/);
  await proxy.log.first(/ request .*target=\/waiting status=0 .*error=draining/);
  assert.equal((await proxy.status).code, 0);
});

Deno.test("a connection that was ended for its client's fault is over once the client ends it", async () => {
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false }],
    backends: { a: { servers: ["127.0.0.1:1"] } },
    routes: [{ backend: "a" }],
  }));
  const connection = await connectTcp(proxy.port);
  using client = new Http2Client(connection);
  await client.send(opening(), data(1, "on a stream that is not there"));
  await client.untilClosed();
  await connection.end();
  await proxy.log.first(/ end .*how="bad_frame: /);
});

Deno.test("the end of an answer arrives though its client speaks behind the connection's end", async () => {
  const large = "a".repeat(2_000_000);
  await using backend = await startHttp(() => encodeAnswer(large));
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false }],
    backends: { a: { servers: [backend.address] } },
    routes: [{ backend: "a" }],
  }));
  using connection = await connectTcp(proxy.port);
  await connection.write(joined([
    opening([[SETTING.initialWindowSize, 0x7fff_ffff]]),
    windowUpdate(0, 10_000_000),
    headers(1, requestFields()),
    frame(FRAME.goaway, { payload: new Uint8Array(8) }),
  ]));
  const ping = frame(FRAME.ping, { payload: new Uint8Array(8) });
  let read = "";
  while (read.length < large.length) {
    read += await connection.readText(20_000);
    await connection.write(ping).catch(() => {});
    await pause(2);
  }
  read += await connection.readRest();
  const { frames } = splitFrames(encodeLatin1(read));
  const body = frames.filter(({ type }) => type === FRAME.data);
  assert.equal(body.reduce((sum, { payload }) => sum + payload.length, 0), large.length);
  connection.close();
  await proxy.log.first(/ end .*how=done/);
});

Deno.test("a reload reaches an open connection at its next request", async () => {
  await using a = await startHttp(() => encodeAnswer("a"));
  await using b = await startHttp(() => encodeAnswer("b"));
  await using proxy = await startConfigured({ engine: ENGINE, backends: { default: a.address } });
  using client = await Http2Client.connect(proxy.port);
  assert.equal((await client.get(1, "/")).body, "a");
  await proxy.reload({ engine: ENGINE, backends: { default: b.address } });
  assert.equal((await client.get(3, "/")).body, "b");
});

Deno.test("limits that a reload sets hold on an open connection, which is told of them", async () => {
  await using backend = await startHttp(() => encodeAnswer("a"));
  const config = (limits: Record<string, unknown>) => ({
    engine: ENGINE,
    backends: { default: backend.address },
    settings: { limits },
  });
  await using proxy = await startConfigured(config({ headers: 10, streams: 20 }));
  using client = await Http2Client.connect(proxy.port);
  const fields = Array.from({ length: 50 }, (_, i): RawField => [`x-${i}`, "a"]);
  await client.ask(1, "/", { fields });
  assert.equal((await client.answer(1)).status, 431);
  await proxy.reload(config({ headers: 100, streams: 30 }));
  await client.ask(3, "/", { fields });
  assert.equal((await client.answer(3)).status, 200);
  const told = () =>
    client.frames.filter(({ type, flags }) => type === FRAME.settings && flags === 0)
      .map(({ payload }) => settingsOf(payload).get(SETTING.maxConcurrentStreams));
  await client.until(() => told().length === 2 || undefined, "the limits");
  assert.deepEqual(told(), [20, 30]);
});

function settingsOf(payload: Uint8Array): ReadonlyMap<number, number> {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const found = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) {
    found.set(view.getUint16(at), view.getUint32(at + 2));
  }
  return found;
}

Deno.test("a plain listener speaks HTTP/2 to who begins with it, and HTTP/1.1 to all others", async () => {
  await using backend = await startHttp(({ target }) => encodeAnswer(target));
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false }],
    backends: { a: { servers: [backend.address] } },
    routes: [{ backend: "a" }],
  }));
  const connection = await connectTcp(proxy.port);
  using client = new Http2Client(connection);
  // in pieces, as nobody says where a packet ends
  const bytes = opening();
  await client.send(bytes.subarray(0, 5));
  await client.send(bytes.subarray(5));
  assert.equal((await client.get(1, "/two")).body, "/two");
  const url = `http://127.0.0.1:${proxy.port}`;
  for (const [flag, version] of [["--http2-prior-knowledge", "2"], ["--http1.1", "1.1"]] as const) {
    const said = await runOk("curl", ["-s", flag, "-w", " %{http_version}", `${url}/a`]);
    assert.equal(said, `/a ${version}`);
  }
  const seen = backend.requests[0];
  assert.deepEqual(seen && valuesOf(seen, "X-Forwarded-Proto"), ["http"]);
});

Deno.test("a plain listener with http2: false speaks HTTP/1.1 alone", async () => {
  await using backend = await startHttp();
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false, http2: false }],
    backends: { a: { servers: [backend.address] } },
    routes: [{ backend: "a" }],
  }));
  using connection = await connectTcp(proxy.port);
  await connection.write(opening());
  assert.match(await connection.readRest(), /^HTTP\/1\.1 505 /);
  const url = `http://127.0.0.1:${proxy.port}/a`;
  const said = await runOk("curl", ["-s", "-o", "-", "-w", " %{http_code} %{http_version}", url]);
  assert.match(said, / 200 1\.1$/);
});

Deno.test("a plain listener answers who says too little in time, whatever the version would be", async () => {
  await using proxy = await startConfigured(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", tls: false }],
    backends: { a: { servers: ["127.0.0.1:1"] } },
    routes: [{ backend: "a" }],
    timeouts: { header: "500ms" },
  }));
  const begun = ["", "P", "PRI * HTTP/2.0\r\n", "POST / HT", "G"];
  await Promise.all(begun.map(async (text) => {
    using client = await connectTcp(proxy.port);
    if (text !== "") await client.write(text);
    const answer = await readAnswer(client);
    assert.deepEqual([answer.status, valuesOf(answer, "Connection")], [408, ["close"]], text);
    // what still comes is dropped, and the end is a clean one
    await client.write("more of it");
    assert.equal(await client.readRest(), "");
  }));
  await proxy.log.count(/ request .*method=- .*status=408 .*error=header_timeout/, begun.length);
  await proxy.log.count(/ end .*requests=0 /, begun.length);
});

Deno.test("a listener that goes asks its clients to come again, and finishes what runs", async () => {
  await using backend = await startHeld("hello", { holds: ({ target }) => target === "/slow" });
  await using proxy = await startConfigured({
    engine: ENGINE,
    backends: { default: backend.address },
  });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/slow");
  await backend.accepted(1);
  const { ec } = await testCertificates();
  await proxy.config.write(JSON.stringify({
    listeners: [{ listen: "127.0.0.1:0", engine: ENGINE, http2: false }],
    certificates: [ec],
    backends: { default: { servers: [backend.address] } },
    routes: [{ backend: "default" }],
  }));
  await proxy.reload();
  await client.until(() => client.goaways.length === 2 || undefined, "two GOAWAY");
  backend.release();
  assert.equal((await client.answer(1)).body, "hello");
  await client.untilClosed();
});

Deno.test("a plain listener that goes asks its clients to come again, also who has said nothing yet", async () => {
  await using backend = await startHttp(() => encodeAnswer("hello"));
  const listen = `127.0.0.1:${await unusedPort()}`;
  const plain = (port: string) =>
    JSON.stringify({
      listeners: [{ listen: port, tls: false }],
      backends: { default: { servers: [backend.address] } },
      routes: [{ backend: "default" }],
    });
  await using proxy = await startConfigured(plain(listen));
  const { port } = new URL(`http://${listen}`);
  using client = new Http2Client(await connectTcp(Number(port)));
  using silent = new Http2Client(await connectTcp(Number(port)));
  await client.send(opening());
  assert.equal((await client.get(1, "/")).body, "hello");
  await proxy.config.write(plain("127.0.0.1:0"));
  await proxy.reload();
  await silent.send(opening());
  for (const one of [client, silent]) {
    await one.until(() => one.goaways.length === 2 || undefined, "two GOAWAY");
    await one.untilClosed();
  }
});

Deno.test("what a server closed just then is asked again, unless it may have been done", async () => {
  await using backend = await startBackend(async (connection, index) => {
    await readRequestHead(connection);
    await connection.write(encodeAnswer(`${index}`));
    if (index === 0) {
      await readRequestHead(connection);
      connection.reset();
    } else await readRequestHead(connection).catch(() => {});
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  using client = await Http2Client.connect(proxy.port);
  assert.equal((await client.get(1, "/")).body, "0");
  assert.equal((await client.get(3, "/")).body, "1");
});

Deno.test("h2load's requests are all answered, with bodies, many at a time", async () => {
  await using backend = await startHttp(({ target }) => encodeAnswer(target.padEnd(1024)));
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  const urls = Array.from({ length: 50 }, (_, i) => `https://localhost:${proxy.port}/path/${i}`);
  const said = await runOk("h2load", ["-n", "3000", "-c", "4", "-m", "40", ...urls]);
  assert.match(said, /3000 succeeded, 0 failed, 0 errored/);
  const one = await runOk("nghttp", ["-nv", "--no-verify-peer", ...urls.slice(0, 10)]).catch(() =>
    ""
  );
  assert.equal(one.match(/:status: 200/g)?.length, 10);
});

Deno.test("a connection that breaks off takes its requests with it", async () => {
  await using backend = await startBackend(async (connection) => {
    await readRequestHead(connection);
    await connection.untilGone();
  }, { brokenOff: true });
  await using proxy = await startProxyFor({ engine: ENGINE, backend: backend.address });
  const client = await Http2Client.connect(proxy.port);
  for (const id of [1, 3, 5]) await client.ask(id, "/");
  await backend.accepted(3);
  client.connection.close();
  await backend.allGone();
  await eventually(
    () => proxy.log.matching(/error=client_gone/).length === 3 || undefined,
    "three lines",
  );
});
