import assert from "node:assert/strict";
// @ts-types="@types/ws"
import { type RawData, WebSocket } from "ws";
import { startBackend } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import type { TestConnection } from "./support/connection.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { within } from "./support/deadline.ts";
import { encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { fieldOf, Http2Client } from "./support/http2_client.ts";
import {
  block,
  data,
  frame,
  headers,
  joined,
  type RawFrame,
  requestFields,
  resetFrame,
  settings,
  splitFrames,
} from "./support/http2_frames.ts";
import { ECHO_FRAMES, startNodeHttp2 } from "./support/node_http2_server.ts";
import { connectTls } from "./support/tls_client.ts";
import { runOk } from "./support/tools.ts";
import { HeaderDecoder } from "../lib/http2/hpack/decoder.ts";
import { ERROR, FLAG, FRAME, PREFACE, SETTING } from "../lib/http2/wire.ts";

/** Servers that speak HTTP/2, with prior knowledge. */

function startProxy(address: string, more: Record<string, unknown> = {}, settings = {}) {
  return startConfigured({
    engine: "deno",
    backends: { default: { servers: [address], protocol: "h2", ...more } },
    // what is told of sessions is told of one worker's
    settings: { workers: 1, ...settings },
  });
}

/** What a client of HTTP/2 sends on a connection that was just made. */
function framesOf(connection: TestConnection) {
  let bytes: Uint8Array = new Uint8Array(0);
  let before = PREFACE.length;
  return {
    async next(type: number): Promise<RawFrame> {
      for (;;) {
        const some = await connection.readSome();
        if (some === undefined) throw new Error("The connection ended ahead of a frame");
        bytes = joined([bytes, some]);
        const { frames } = splitFrames(bytes.subarray(before));
        const found = frames.find((frame) => frame.type === type);
        if (found === undefined) continue;
        before = bytes.length;
        return found;
      }
    },
  };
}

/** Says what it got, after what it got. */
const ECHO = `
  const parts = [];
  let trailers = {};
  stream.on("data", (part) => parts.push(part));
  stream.on("trailers", (got) => trailers = got);
  stream.on("end", () => {
    const body = Buffer.concat(parts);
    if (head[":path"] === "/early") return;
    stream.additionalHeaders({ ":status": 103, link: "</a>" });
    stream.respond({
      ":status": 200, "x-line": head[":method"] + " " + head[":path"], "x-host": head[":authority"],
      "x-for": head["x-forwarded-for"], "x-te": head.te ?? "-", "x-session": stream.session.number,
      "x-trailer": trailers["x-trailer"] ?? "-",
    }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": String(body.length) }));
    stream.end(body);
  });
`;

Deno.test("clients of both versions get what a server by HTTP/2 answers", async () => {
  await using server = await startNodeHttp2(ECHO);
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/a?b", { method: "POST", fields: [["te", "trailers"]], ended: false });
  await client.send(data(1, "body"), headers(1, [["x-trailer", "t"]]));
  const answer = await client.answer(1);
  assert.deepEqual([answer.status, answer.body], [200, "body"]);
  assert.deepEqual(answer.interim.map(({ status }) => status), [103]);
  assert.deepEqual(answer.trailers, [["x-sum", "4"]]);
  assert.equal(fieldOf(answer.fields, "x-line"), "POST /a?b");
  assert.equal(fieldOf(answer.fields, "x-host"), "localhost");
  assert.equal(fieldOf(answer.fields, "x-for"), "127.0.0.1");
  assert.equal(fieldOf(answer.fields, "x-te"), "trailers");
  assert.equal(fieldOf(answer.fields, "x-trailer"), "t");

  using old = await connectTls(proxy.port, ["http/1.1"]);
  await old.write(encodeRequest("/one", { method: "POST", body: "1234567" }));
  const one = await readAnswer(old);
  assert.deepEqual([one.status, one.body, one.framing], [200, "1234567", "chunked"]);
  assert.deepEqual(one.interim.map(({ status }) => status), [103]);
  assert.deepEqual(one.trailers.map(([name, value]) => [name.toLowerCase(), value]), [[
    "x-sum",
    "7",
  ]]);
  await old.write(encodeRequest("/two", { method: "HEAD" }));
  assert.equal((await readAnswer(old, { method: "HEAD" })).status, 200);
  assert.deepEqual(valuesOf(one, "x-session"), ["1"]);
  assert.equal(server.lines.matching(/^session \d/).length, 1, "one connection for all");
});

Deno.test("large bodies go through from end to end by HTTP/2", async () => {
  await using server = await startNodeHttp2(`
    let got = 0;
    stream.on("data", (part) => got += part.length);
    stream.on("end", () => {
      stream.respond({ ":status": 200, "x-got": got });
      stream.end(Buffer.alloc(2_000_000, "a"));
    });
  `);
  await using proxy = await startProxy(server.address);
  const input = new Uint8Array(2_000_000).fill(0x62);
  const url = `https://localhost:${proxy.port}/`;
  const said = await runOk("curl", [
    "-sk",
    "--http2",
    "--data-binary",
    "@-",
    "-o",
    "/dev/null",
    "-w",
    "%{size_download} %header{x-got}",
    url,
  ], { input });
  assert.equal(said, "2000000 2000000");
});

Deno.test("streams up to the server's limit go on one connection, then there is another", async () => {
  const ids = Array.from({ length: 7 }, (_, i) => 2 * i + 1);
  // none is answered before all are there
  await using server = await startNodeHttp2(
    `
    const all = globalThis.streams ??= [];
    if (all.push(stream) < ${ids.length}) return;
    for (const one of all) {
      one.respond({ ":status": 200, "x-session": one.session.number });
      one.end("x");
    }
  `,
    { maxConcurrentStreams: 3 },
  );
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  for (const id of ids) await client.ask(id, "/");
  const answers = await Promise.all(ids.map((id) => client.answer(id)));
  assert.deepEqual(answers.map(({ status }) => status), ids.map(() => 200));
  const sessions = answers.map(({ fields }) => fieldOf(fields, "x-session"));
  assert.equal(new Set(sessions).size, 3);
});

Deno.test("a stream that the client resets is reset at the server, and no other", async () => {
  await using server = await startNodeHttp2(`
    tell("asked " + head[":path"]);
    if (head[":path"] === "/good") { stream.respond({ ":status": 200 }); stream.end("good"); }
  `);
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/never");
  await server.lines.first(/^asked \/never/);
  await client.send(resetFrame(1, ERROR.cancel));
  await server.lines.first(/^aborted \/never 8/);
  assert.equal((await client.get(3, "/good")).body, "good");
  assert.equal(server.lines.matching(/^session \d/).length, 1);
});

Deno.test("what a server says that it has not served is asked again, anything else is not", async () => {
  await using server = await startNodeHttp2(`
    globalThis.asked = (globalThis.asked ?? 0) + 1;
    if (head[":path"] === "/refused" && globalThis.asked === 1) return stream.close(7);
    if (head[":path"] === "/reset") return stream.close(2);
    stream.respond({ ":status": 200 });
    stream.end("asked " + globalThis.asked);
  `);
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/refused", { method: "POST", body: "" });
  assert.equal((await client.answer(1)).body, "asked 2");
  await client.ask(3, "/reset", { method: "POST", body: "" });
  assert.equal((await client.answer(3)).status, 502);
});

Deno.test("trailers behind no body at all are sent again with their head", async () => {
  await using server = await startNodeHttp2(`
    globalThis.asked = (globalThis.asked ?? 0) + 1;
    if (globalThis.asked === 1) return stream.close(7);
    let trailers = {};
    stream.on("trailers", (got) => trailers = got);
    stream.resume();
    stream.on("end", () => {
      stream.respond({ ":status": 200 });
      stream.end("asked " + globalThis.asked + ", " + trailers["x-trailer"]);
    });
  `);
  await using proxy = await startProxy(server.address, { timeouts: { response: "20s" } });
  using client = await Http2Client.connect(proxy.port);
  const head = requestFields({ ":method": "POST", ":path": "/", ":authority": "localhost" });
  await client.connection.write(joined([
    headers(1, head, { ended: false }),
    headers(1, [["x-trailer", "t"]]),
  ]));
  const { status, body } = await client.answer(1);
  assert.deepEqual([status, body], [200, "asked 2, t"]);
});

Deno.test("what comes of a body while another server is found for it gets there whole", async () => {
  await using refusing = await startNodeHttp2(`stream.close(7); tell("refused");`);
  await using server = await startNodeHttp2(ECHO);
  const begins = Promise.withResolvers<void>();
  // it takes its time to begin
  await using slow = await startBackend(async (client) => {
    await begins.promise;
    const [hostname = "", port] = server.address.split(":");
    using far = await Deno.connect({ hostname, port: Number(port) });
    const answers = (async () => {
      for await (const bytes of far.readable) await client.write(bytes);
    })();
    for (let some; (some = await client.readSome()) !== undefined;) await far.write(some);
    await far.closeWrite();
    await answers;
  }, { brokenOff: true });
  await using proxy = await startProxy(refusing.address, {
    servers: [{ address: refusing.address, weight: 3 }, slow.address],
  });
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/", { method: "POST", ended: false });
  await slow.accepted(1);
  await client.send(data(1, "first "), frame(FRAME.ping, { payload: new Uint8Array(8) }));
  await client.until(
    () => client.frames.find(({ type }) => type === FRAME.ping),
    "a PING's answer",
  );
  begins.resolve();
  await client.send(data(1, "second", true));
  assert.equal((await client.answer(1)).body, "first second");
});

Deno.test("a server that goes away finishes what runs, and gets no more", async () => {
  // an answer to a PING says that the GOAWAY before it has been read
  await using server = await startNodeHttp2(`
    const answer = (stream) => {
      stream.respond({ ":status": 200, "x-session": stream.session.number });
      stream.end("x");
    };
    if (head[":path"] === "/goaway") {
      globalThis.running = stream;
      stream.session.goaway(0);
      stream.session.ping(() => tell("heard"));
    } else {
      answer(stream);
      answer(globalThis.running);
    }
  `);
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  await client.ask(1, "/goaway");
  await server.lines.first(/^heard/);
  const after = await client.get(3, "/after");
  assert.equal(fieldOf(after.fields, "x-session"), "2");
  assert.equal(fieldOf((await client.answer(1)).fields, "x-session"), "1");
});

Deno.test("a server that does not speak HTTP/2 is no server", async () => {
  await using server = await startBackend(async (connection) => {
    await connection.readUntil("\r\n\r\n");
    await connection.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  }, { brokenOff: true });
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  assert.equal((await client.get(1, "/")).status, 502);
  await proxy.log.first(/does not speak HTTP\/2/);
});

Deno.test("an answer that is malformed, or breaks off, is seen to be", async () => {
  // it breaks off when the request ends: what it sent before is to be with the client by then
  await using server = await startNodeHttp2(`
    stream.respond({ ":status": 200, "content-length": 10 });
    stream.write("abc");
    stream.on("end", () => head[":path"] === "/reset" ? stream.close(2) : stream.session.destroy());
    stream.resume();
  `);
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  for (const [id, path] of [[1, "/reset"], [3, "/lost"]] as const) {
    await client.ask(id, path, { method: "POST", ended: false });
    await client.until(() => client.seen(id).body === "abc" || undefined, "what is sent of it");
    await client.send(data(id, "", true));
    const answer = await client.answer(id);
    assert.deepEqual([answer.status, answer.body, answer.ended], [200, "abc", false]);
    assert.equal(answer.reset, ERROR.internalError);
  }
  using old = await connectTls(proxy.port, ["http/1.1"]);
  await old.write(encodeRequest("/reset", { method: "POST", body: "ab" }).slice(0, -1));
  await old.readUntil("\r\n\r\nabc");
  await old.write("b");
  await assert.rejects(old.readText(7));
});

Deno.test("a WebSocket goes by extended CONNECT where the server has it", async () => {
  await using server = await startNodeHttp2(
    `
    tell(head[":method"] + " " + head[":protocol"] + " " + head[":path"]);
    stream.respond({ ":status": 200, "sec-websocket-protocol": "chat" });
    stream.pipe(stream);
  `,
    { enableConnectProtocol: true },
  );
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  const pseudo = {
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": "/ws",
    ":authority": "localhost",
  };
  await client.send(
    headers(1, requestFields(pseudo, [["sec-websocket-version", "13"]]), { ended: false }),
  );
  await client.send(data(1, "hello"));
  await client.until(() => client.seen(1).body === "hello" || undefined, "an echo");
  assert.equal(client.seen(1).status, 200);
  await server.lines.first(/^CONNECT websocket \/ws/);
  await client.send(data(1, "", true));
  assert.equal((await client.answer(1)).ended, true);
});

Deno.test("a WebSocket client by HTTP/1.1 is served by extended CONNECT", async () => {
  await using server = await startNodeHttp2(ECHO_FRAMES, { enableConnectProtocol: true });
  await using proxy = await startProxy(server.address);
  const { caPem: ca } = await testCertificates();
  const socket = new WebSocket(`wss://localhost:${proxy.port}/ws?a`, ["chat"], { ca });
  const { promise: closed, resolve: onClosed, reject } = Promise.withResolvers<string>();
  socket.on("error", reject);
  socket.on("close", (code: number, reason: Uint8Array) => onClosed(`${code} ${reason}`));
  const texts = ["hello", "x".repeat(200), "y".repeat(300_000)];
  const echoed: string[] = [];
  socket.on("open", () => texts.forEach((text) => socket.send(text)));
  socket.on("message", (data: RawData) => {
    if (echoed.push(String(data)) === texts.length) socket.close(4001, "enough");
  });
  // its key was proved to have been read, or it would not have opened
  assert.equal(await within(closed, "the end of a WebSocket"), "4001 enough");
  assert.deepEqual(echoed, texts);
  assert.equal(socket.protocol, "chat");
  await server.lines.first(/^CONNECT websocket \/ws\?a -$/);
  await proxy.log.first(/ request .*method=GET target=\/ws\?a status=101 .*error=- /);

  const refused = new WebSocket(`wss://localhost:${proxy.port}/refused`, { ca });
  const said = new Promise<string>((resolve) =>
    refused.once("error", (error: Error) => resolve(error.message))
  );
  assert.match(await within(said, "a refusal"), /403/);
});

for (
  const [how, leave] of Object.entries({
    "resets the stream": (connection: TestConnection, last: Uint8Array, id: number) =>
      connection.write(joined([last, resetFrame(id, ERROR.noError)])),
    "ends the connection": async (connection: TestConnection, last: Uint8Array) => {
      await connection.write(last);
      await connection.end();
    },
  })
) {
  Deno.test(`all gets there of a tunnel whose server ends it and ${how}`, async () => {
    const said = Array.from("abcdef", (letter) => letter.repeat(8_000));
    await using server = await startBackend(async (connection) => {
      await connection.write(settings([[SETTING.enableConnectProtocol, 1]]));
      const frames = framesOf(connection);
      const { id } = await frames.next(FRAME.headers);
      await connection.write(headers(id, [[":status", "200"]], { ended: false }));
      await frames.next(FRAME.data);
      const last = joined([...said.map((text) => data(id, text)), data(id, "", true)]);
      await leave(connection, last, id);
      await frames.next(FRAME.goaway);
    }, { brokenOff: true });
    await using proxy = await startProxy(server.address);
    using client = await connectTls(proxy.port, ["http/1.1"]);
    const fields = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    await client.write(
      encodeRequest("/ws", { fields: [...fields, `Sec-WebSocket-Key: ${KEY}`] }),
    );
    assert.match(await client.readUntil("\r\n\r\n"), /^HTTP\/1\.1 101 /);
    await client.write("go");
    assert.equal(await client.readRest(), said.join(""));
    await client.end();
    await proxy.log.first(/ request .*target=\/ws status=101 .* error=- /);
  });
}

/** HAProxy and nginx end the connection for it, and with it what others have asked for. */
Deno.test("trailers of which none goes on leave no head without fields, both ways", async () => {
  const dropped = headers(1, [["x-forwarded-for", "6.6.6.6"], ["cookie", "a=b"]]);
  let asked: readonly RawFrame[] = [];
  await using server = await startBackend(async (connection) => {
    await connection.write(settings([]));
    let bytes: Uint8Array = new Uint8Array(0);
    const hasEnded = () =>
      asked.some(({ flags, id }) => id === 1 && (flags & FLAG.endStream) !== 0);
    while (!hasEnded()) {
      const some = await connection.readSome();
      if (some === undefined) return;
      bytes = joined([bytes, some]);
      asked = splitFrames(bytes.subarray(PREFACE.length)).frames;
    }
    const head = headers(1, [[":status", "200"]], { ended: false });
    await connection.write(joined([head, data(1, "x"), dropped]));
    await connection.readRest();
  }, { brokenOff: true });
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  const head = requestFields({ ":method": "POST", ":authority": "localhost" });
  await client.send(headers(1, head, { ended: false }), data(1, "x"), dropped);
  assert.equal((await client.answer(1)).body, "x");
  for (const frames of [asked, client.frames]) {
    const ofStream = frames.filter(({ id, type }) => id === 1 && type !== FRAME.windowUpdate);
    assert.deepEqual(
      ofStream.map((
        { type, flags, payload },
      ) => [type, flags & FLAG.endStream, payload.length > 0]),
      [[FRAME.headers, 0, true], [FRAME.data, 0, true], [FRAME.data, FLAG.endStream, false]],
    );
  }
});

Deno.test("what nobody may keep in a table goes on as such, in heads and trailers (RFC 7541 7.1.3)", async () => {
  const secret = ["x-secret", "a"] as const;
  const plain = ["x-plain", "b"] as const;
  // a block of these two, the first as a literal that is never indexed
  const never = (frame: Uint8Array, pseudoBytes = 0) => {
    frame[9 + pseudoBytes] = 0x10;
    return frame;
  };
  const secretsOf = ({ payload }: RawFrame) =>
    new HeaderDecoder().decode(payload, 0, payload.length, { bytes: 10_000, fields: 100 })
      .filter(({ name }) => name === "x-secret" || name === "x-plain")
      .map(({ name, isSecret }) => `${name} ${isSecret}`);
  const headsOf = (frames: readonly RawFrame[]) =>
    frames.filter(({ type }) => type === FRAME.headers);
  let asked: readonly RawFrame[] = [];
  await using server = await startBackend(async (connection) => {
    await connection.write(settings([]));
    let bytes: Uint8Array = new Uint8Array(0);
    while (asked.length < 2) {
      const some = await connection.readSome();
      if (some === undefined) return;
      bytes = joined([bytes, some]);
      asked = headsOf(splitFrames(bytes.subarray(PREFACE.length)).frames);
    }
    const { id } = asked[0] as RawFrame;
    const status = block([[":status", "200"]]).length;
    await connection.write(joined([
      never(headers(id, [[":status", "200"], secret, plain], { ended: false }), status),
      data(id, "x"),
      never(headers(id, [secret, plain])),
    ]));
    await connection.readRest();
  }, { brokenOff: true });
  await using proxy = await startProxy(server.address);
  using client = await Http2Client.connect(proxy.port);
  const pseudo = requestFields({ ":method": "POST", ":authority": "localhost" });
  await client.send(
    never(headers(1, [...pseudo, secret, plain], { ended: false }), block(pseudo).length),
    data(1, "x"),
    never(headers(1, [secret, plain])),
  );
  await client.answer(1);
  const answered = headsOf(client.frames);
  for (const { length } of [asked, answered]) assert.equal(length, 2);
  for (const head of [...asked, ...answered]) {
    assert.deepEqual(secretsOf(head), ["x-secret true", "x-plain false"]);
  }
});

Deno.test("a server without extended CONNECT takes no WebSocket, and clients are told", async () => {
  await using server = await startNodeHttp2(`stream.respond({ ":status": 200 }); stream.end("x");`);
  await using proxy = await startProxy(server.address, { ejection: { failures: 1 } });
  using old = await connectTls(proxy.port, ["http/1.1"]);
  const fields = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
  await old.write(encodeRequest("/ws", { fields: [...fields, `Sec-WebSocket-Key: ${KEY}`] }));
  const told = await readAnswer(old);
  assert.equal(told.status, 501);
  assert.match(told.body, /extended CONNECT.*backends\.default\.protocol: http1 /);
  using client = await Http2Client.connect(proxy.port);
  const pseudo = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/ws" };
  await client.send(
    headers(1, requestFields({ ...pseudo, ":authority": "localhost" }), { ended: false }),
  );
  assert.equal((await client.answer(1)).status, 501);
  await proxy.log.count(/ request .*target=\/ws status=501 .*error=websocket_unsupported/, 2);
  // what asks for another protocol is served without: a server may always ignore it
  using other = await connectTls(proxy.port, ["http/1.1"]);
  await other.write(encodeRequest("/", { fields: ["Connection: upgrade", "Upgrade: other/1"] }));
  assert.equal((await readAnswer(other)).body, "x");
  assert.deepEqual(proxy.log.matching(/ ejected /), []);
});

Deno.test("an answer over a limit is told as such by HTTP/2 too, and says nothing of its server", async () => {
  await using server = await startNodeHttp2(`
    const path = head[":path"];
    const fields = { ":status": 200 };
    if (path === "/little") fields.a = "a".repeat(17_000);
    if (path === "/large") fields.a = "a".repeat(60_000);
    if (path === "/many") for (let i = 0; i < 120; i++) fields["x-" + i] = "b";
    stream.respond(fields, { waitForTrailers: path === "/trailers" });
    stream.on("wantTrailers", () =>
      globalThis.trail = () => stream.sendTrailers({ a: "a".repeat(40_000) })
    );
    stream.end("x");
    if (path === "/trail") globalThis.trail();
  `);
  await using proxy = await startProxy(server.address, {
    ejection: { failures: 1 },
    health: { type: "none" },
  });
  using client = await Http2Client.connect(proxy.port);
  const cases = [["/little", "header_bytes"], ["/large", "header_bytes"], ["/many", "headers"]];
  let id = 1;
  for (const [target = "", key] of cases) {
    const { status, body } = await client.get(id, target);
    assert.equal(status, 502, target);
    assert.match(body, RegExp(`^502 Bad Gateway\n.* backends\\.default\\.limits\\.${key} `));
    await proxy.log.first(RegExp(` request .*target=${target} .*status=502 .*error=answer_`));
    id += 2;
  }
  // not before its head is with the client: until then its answer can still be another one
  await client.ask(id, "/trailers");
  await client.until(() => client.seen(id).body === "x" || undefined, "its body");
  assert.equal((await client.get(id + 2, "/trail")).body, "x");
  const cut = await client.answer(id);
  assert.deepEqual([cut.status, cut.ended], [200, false]);
  await proxy.log.first(/ request .*target=\/trailers .*status=200 .*error=answer_too_large/);
  assert.equal((await client.get(id + 4, "/good")).body, "x");
  await proxy.log.count(/ server failed /, 4);
  assert.deepEqual(proxy.log.matching(/ ejected /), []);
  assert.equal(server.lines.matching(/^session \d/).length, 1, "one connection for all");
});

Deno.test("a server that wants HTTP/1.1 is no failure of its own, and the way out is told", async () => {
  await using server = await startNodeHttp2(`
    if (head[":path"] === "/login") return stream.close(13);
    stream.respond({ ":status": 200 });
    stream.end("x");
  `);
  await using proxy = await startProxy(server.address, { ejection: { failures: 1 } });
  using client = await Http2Client.connect(proxy.port);
  const { status, body } = await client.get(1, "/login");
  assert.equal(status, 502);
  assert.match(body, /HTTP_1_1_REQUIRED.*backends\.default\.protocol: http1 /);
  await proxy.log.first(/ request .*target=\/login .*error=http1_required/);
  assert.equal((await client.get(3, "/")).body, "x");
  assert.deepEqual(proxy.log.matching(/ ejected /), []);
});

/** Of a WebSocket handshake. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
