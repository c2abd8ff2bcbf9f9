import assert from "node:assert/strict";
import { HeaderDecoder } from "../lib/http2/hpack/decoder.ts";
import { HeaderEncoder } from "../lib/http2/hpack/encoder.ts";
import { startAnnounced } from "./support/announced_server.ts";
import {
  askHttp2,
  type Http2TestServer,
  type Message,
  startHttp2Server,
  type TestAnswer,
} from "./support/http2_sockets.ts";
import { run, runOk } from "./support/tools.ts";

/** `lib/http2` beside other people's HTTP/2: each end of it, and HPACK both ways. */

/** `/bytes/N` gives N bytes; anything else what was sent, with a trailer where it was a POST. */
function answer({ line, fields, body, trailers }: Message): TestAnswer {
  const [method = "", path = ""] = line.split(" ");
  const size = /^\/bytes\/(\d+)/.exec(path)?.[1];
  if (size !== undefined) return { status: 200, body: new Uint8Array(Number(size)).fill(0x61) };
  const told = [
    { key: "x-line", value: line },
    { key: "x-own", value: fields.get("x-own") ?? "" },
    { key: "x-trailer", value: trailers.get("x-trailer") ?? "" },
  ];
  if (method !== "POST") return { status: 200, fields: told };
  return { status: 200, fields: told, body, trailers: [{ key: "x-sum", value: `${body.length}` }] };
}

function startServer(): Http2TestServer {
  return startHttp2Server(answer);
}

Deno.test("curl gets large bodies, and posts them", async () => {
  await using server = startServer();
  const url = `http://127.0.0.1:${server.port}`;
  const curl = (args: string[], input?: Uint8Array<ArrayBuffer>) =>
    run("curl", ["-s", "--http2-prior-knowledge", ...args], input === undefined ? {} : { input });
  assert.equal((await curl([`${url}/bytes/3000000`])).bytes.length, 3_000_000);
  const posted = new Uint8Array(1_000_000).fill(0x62);
  const echoed = await curl(["--data-binary", "@-", `${url}/echo`], posted);
  assert.deepEqual(echoed.bytes, posted);
  assert.deepEqual(server.errors, []);
});

Deno.test("nghttp gets many things at once", async () => {
  await using server = startServer();
  const paths = [1, 100, 70_000, 500_000].map((n) => `http://127.0.0.1:${server.port}/bytes/${n}`);
  const said = await runOk("nghttp", ["-nv", ...paths]);
  assert.equal(said.match(/:status: 200/g)?.length, 4, said);
  assert.deepEqual(server.errors, []);
});

Deno.test("nghttp finds its table emptied that it makes small and large again in one frame", async () => {
  await using server = startServer();
  const sizes = ["--header-table-size=0", "--header-table-size=4096"];
  const said = await runOk("nghttp", ["-nv", ...sizes, `http://127.0.0.1:${server.port}/bytes/1`]);
  assert.match(said, /:status: 200/);
  assert.deepEqual(server.errors, []);
});

Deno.test("h2load's thousands of requests are all answered", async () => {
  await using server = startServer();
  const url = `http://127.0.0.1:${server.port}/bytes/1024`;
  const said = await runOk("h2load", ["-n", "4000", "-c", "4", "-m", "50", url]);
  assert.match(said, /4000 succeeded, 0 failed, 0 errored/);
  assert.deepEqual(server.errors, []);
});

Deno.test("node:http2 posts, and reads trailers", async () => {
  await using server = startServer();
  const said = await runOk("node", ["-e", NODE_CLIENT, String(server.port)]);
  assert.deepEqual(JSON.parse(said), [
    [200, "POST /0", "100000", "hi"],
    [200, "POST /1", "100001", "hi"],
    [200, "POST /2", "100002", "hi"],
  ]);
  assert.deepEqual(server.errors, []);
});

const NODE_CLIENT = `
const http2 = require("node:http2");
const session = http2.connect("http://127.0.0.1:" + process.argv[1]);
const ask = (i) => new Promise((resolve) => {
  const stream = session.request({ ":path": "/" + i, ":method": "POST", "x-own": "1" },
    { waitForTrailers: true });
  let head, trailers, length = 0;
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": "hi" }));
  stream.on("response", (h) => head = h);
  stream.on("trailers", (t) => trailers = t);
  stream.on("data", (d) => length += d.length);
  stream.on("end", () => {
    if (length !== 100000 + i) throw new Error("length " + length);
    resolve([head[":status"], head["x-line"], trailers["x-sum"], head["x-trailer"]]);
  });
  stream.end(Buffer.alloc(100000 + i));
});
Promise.all([ask(0), ask(1), ask(2)]).then((all) => {
  console.log(JSON.stringify(all));
  session.close();
});
`;

Deno.test("Python's h2 finds nothing to object to, as client and as server", async () => {
  await using server = startServer();
  const said = await runOk("/usr/bin/python3", ["-c", PYTHON_CLIENT, String(server.port)]);
  assert.deepEqual(JSON.parse(said), { status: "200", bytes: 300_000, sum: "200000" });
  assert.deepEqual(server.errors, []);
});

const PYTHON_CLIENT = `
import json, socket, sys
import h2.connection, h2.config, h2.events, h2.settings
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
conn.initiate_connection()
conn.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
base = [(":method", "POST"), (":authority", "a"), (":scheme", "http")]
conn.send_headers(1, base + [(":path", "/echo"), ("x-own", "1" * 5000)])
conn.send_headers(3, base[1:] + [(":method", "GET"), (":path", "/bytes/300000")], end_stream=True)
left = b"a" * 200000
result, ended = {"bytes": 0}, set()
while len(ended) < 2:
    while left and conn.local_flow_control_window(1) > 0:
        n = min(len(left), conn.local_flow_control_window(1), conn.max_outbound_frame_size)
        conn.send_data(1, left[:n], end_stream=n == len(left), pad_length=None)
        left = left[n:]
    sock.sendall(conn.data_to_send())
    got = sock.recv(65536)
    assert got, "closed"
    for event in conn.receive_data(got):
        if isinstance(event, h2.events.ResponseReceived) and event.stream_id == 3:
            result["status"] = dict(event.headers)[b":status"].decode()
        if isinstance(event, h2.events.DataReceived):
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id == 3: result["bytes"] += len(event.data)
        if isinstance(event, h2.events.TrailersReceived):
            result["sum"] = dict(event.headers)[b"x-sum"].decode()
        if isinstance(event, h2.events.StreamEnded): ended.add(event.stream_id)
        assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
print(json.dumps(result))
`;

Deno.test("servers of others answer what our client's end asks", async () => {
  for (
    const [tool, flag, program] of [
      ["node", "-e", NODE_SERVER],
      ["/usr/bin/python3", "-c", PYTHON_SERVER],
    ] as const
  ) {
    await using peer = await startAnnounced(tool, [flag, program]);
    const { port } = new URL(`http://${peer.address}`);
    const body = new Uint8Array(100_000).fill(0x63);
    const answers = await askHttp2(Number(port), [
      { method: "GET", path: "/a", fields: [{ key: "x-own", value: "1" }] },
      { method: "POST", path: "/b", fields: [], body },
      { method: "HEAD", path: "/c", fields: [] },
    ]);
    assert.deepEqual(answers.map(({ line }) => line), ["200", "200", "200"], tool);
    assert.deepEqual(answers.map(({ body }) => body.length), [200_000, 100_000, 0], tool);
    assert.equal(answers[0]?.trailers.get("x-sum"), "200000", tool);
  }
});

const NODE_SERVER = `
const http2 = require("node:http2");
const server = http2.createServer();
server.on("stream", (stream, head) => {
  const chunks = [];
  stream.on("data", (d) => chunks.push(d));
  stream.on("end", () => {
    const body = head[":method"] === "POST" ? Buffer.concat(chunks) : Buffer.alloc(200000);
    if (head[":method"] === "HEAD") return stream.respond({ ":status": 200 }, { endStream: true });
    stream.additionalHeaders({ ":status": 103, link: "</a>" });
    stream.respond({ ":status": 200, "content-length": body.length }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": String(body.length) }));
    stream.end(body);
  });
});
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

const PYTHON_SERVER = `
import socket
import h2.connection, h2.config, h2.events
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
sock, _ = listener.accept()
conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
conn.initiate_connection()
heads, bodies, out = {}, {}, {}
def flush():
    for i in list(out):
        while out[i]:
            n = min(len(out[i]), conn.local_flow_control_window(i), conn.max_outbound_frame_size)
            if n <= 0: break
            conn.send_data(i, out[i][:n])
            out[i] = out[i][n:]
        if not out[i]:
            del out[i]
            conn.send_headers(i, [("x-sum", str(sizes[i]))], end_stream=True)
    sock.sendall(conn.data_to_send())
sizes = {}
flush()
while True:
    got = sock.recv(65536)
    if not got: break
    for event in conn.receive_data(got):
        if isinstance(event, h2.events.RequestReceived): heads[event.stream_id] = dict(event.headers)
        if isinstance(event, h2.events.DataReceived):
            bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
            conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if isinstance(event, h2.events.StreamEnded):
            i = event.stream_id
            method = heads[i][b":method"]
            if method == b"HEAD":
                conn.send_headers(i, [(":status", "200")], end_stream=True)
            else:
                conn.send_headers(i, [(":status", "200")])
                out[i] = bodies[i] if method == b"POST" else b"a" * 200000
                sizes[i] = len(out[i])
    flush()
`;

Deno.test("Python's hpack reads what ours writes, and ours what it writes", async () => {
  const lists = Array.from({ length: 40 }, (_, i): [string, string][] => [
    [":method", i % 2 === 0 ? "GET" : "POST"],
    [":path", `/path/${i}?q=${"x".repeat(i * 7)}`],
    ["user-agent", "Mozilla/5.0 (X11; Linux x86_64)"],
    [`x-own-${i % 5}`, `value ${i} \u00e9`],
    ["cookie", `a=${i}`],
    ["set-cookie", "s".repeat(i * 100)],
  ]);
  const encoder = new HeaderEncoder();
  const blocks = lists.map((list) => {
    encoder.begin();
    for (const [name, value] of list) encoder.put(name, value);
    return encoder.block.slice(0, encoder.length).toHex();
  });
  const input = JSON.stringify({ blocks, lists });
  const said = JSON.parse(await runOk("/usr/bin/python3", ["-c", PYTHON_HPACK], { input }));
  assert.deepEqual(said.lists, lists);
  const decoder = new HeaderDecoder();
  const read = (said.blocks as string[]).map((hex) => {
    const bytes = Uint8Array.fromHex(hex);
    const fields = decoder.decode(bytes, 0, bytes.length, { bytes: 1e6, fields: 100 });
    return fields.map(({ name, value }) => [name, value]);
  });
  assert.deepEqual(read, lists);
});

const PYTHON_HPACK = `
import json, sys
import hpack
given = json.load(sys.stdin)
decoder, encoder = hpack.Decoder(), hpack.Encoder()
decoder.max_header_list_size = 1 << 20
lists = [[[n.decode("latin1"), v.decode("latin1")] for n, v in decoder.decode(bytes.fromhex(b), raw=True)]
         for b in given["blocks"]]
blocks = []
for i, fields in enumerate(given["lists"]):
    if i == 20: encoder.header_table_size = 100
    if i == 30: encoder.header_table_size = 4096
    blocks.append(encoder.encode([(n.encode("latin1"), v.encode("latin1")) for n, v in fields], huffman=i % 3 > 0).hex())
json.dump({"lists": lists, "blocks": blocks}, sys.stdout)
`;
