import assert from "node:assert/strict";
import { startAnnounced } from "./support/announced_server.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { unusedPort } from "./support/backends.ts";
import { runOk } from "./support/tools.ts";

/** gRPC from end to end, by Python's own client and server (its core is written in C). */

const SERVER = `
import grpc, sys, threading, time
from concurrent import futures
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        ident = lambda b: b
        method = details.method
        if method == "/test.Echo/Unary":
            def unary(request, context):
                meta = dict(context.invocation_metadata())
                context.send_initial_metadata((("x-initial", meta.get("x-own", "-")),))
                context.set_trailing_metadata((("x-trailing", "t"), ("x-deadline", "yes" if (context.time_remaining() or 1e9) < 100 else "no")))
                return request
            return grpc.unary_unary_rpc_method_handler(unary, ident, ident)
        if method == "/test.Echo/Fails":
            def fails(request, context):
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: \\u00e9")
            return grpc.unary_unary_rpc_method_handler(fails, ident, ident)
        if method == "/test.Echo/Slow":
            def slow(request, context):
                gone = threading.Event()
                context.add_callback(gone.set)
                context.send_initial_metadata((("x-began", "yes"),))
                print("slow gone" if gone.wait(300) else "slow over", flush=True)
                yield request
            return grpc.unary_stream_rpc_method_handler(slow, ident, ident)
        if method == "/test.Echo/Down":
            def down(request, context):
                for i in range(int(request)):
                    yield b"%d" % i
            return grpc.unary_stream_rpc_method_handler(down, ident, ident)
        if method == "/test.Echo/Up":
            def up(requests, context):
                return b"%d" % sum(len(r) for r in requests)
            return grpc.stream_unary_rpc_method_handler(up, ident, ident)
        if method == "/test.Echo/Both":
            def both(requests, context):
                for request in requests:
                    yield request.upper()
            return grpc.stream_stream_rpc_method_handler(both, ident, ident)
        if method == "/grpc.health.v1.Health/Check":
            def check(request, context):
                name = request[2:].decode()
                print("check " + name, flush=True)
                if name not in ("", "test.Echo", "down"): context.abort(grpc.StatusCode.NOT_FOUND, "unknown")
                return b"\\x08\\x02" if name == "down" else b"\\x08\\x01"
            return grpc.unary_unary_rpc_method_handler(check, ident, ident)
        return None
server = grpc.server(futures.ThreadPoolExecutor(max_workers=20))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print("port", port, flush=True)
server.wait_for_termination()
`;

const CLIENT = `
import grpc, json, sys, threading, time
port, ca = sys.argv[1], open(sys.argv[2], "rb").read()
channel = grpc.secure_channel("localhost:" + port, grpc.ssl_channel_credentials(ca))
ident = lambda b: b
out = {}
def failure(call):
    try:
        call()
        return "ok"
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
unary = channel.unary_unary("/test.Echo/Unary", ident, ident)
answer, call = unary.with_call(b"hello", metadata=(("x-own", "1"),), timeout=90)
out["unary"] = [answer.decode(), dict(call.initial_metadata()).get("x-initial"), dict(call.trailing_metadata())]
out["large"] = len(unary(b"a" * 3_000_000))
out["empty"] = len(unary(b""))
out["fails"] = failure(lambda: channel.unary_unary("/test.Echo/Fails", ident, ident)(b"x"))
out["unknown"] = failure(lambda: channel.unary_unary("/test.Echo/Unknown", ident, ident)(b"x"))[0]
out["down"] = len(list(channel.unary_stream("/test.Echo/Down", ident, ident)(b"500")))
out["up"] = channel.stream_unary("/test.Echo/Up", ident, ident)(iter([b"a" * 1000] * 200)).decode()
# each message comes back before the next is sent
ready = threading.Semaphore(1)
def ping():
    for i in range(50):
        assert ready.acquire(timeout=60)
        yield b"m%d" % i
got = []
for message in channel.stream_stream("/test.Echo/Both", ident, ident)(ping()):
    got.append(message.decode())
    ready.release()
out["both"] = [len(got), got[-1]]
# what is given up is what the server has begun with: it says so, and on a slow machine that takes longer;
# of a call with one answer this library would tell only at its end
slow = channel.unary_stream("/test.Echo/Slow", ident, ident)
began = lambda call: "x-began" in dict(call.initial_metadata() or ())
for seconds in (0.5, 2, 8, 32):
    call = slow(b"x", timeout=seconds)
    if began(call): break
out["deadline"] = failure(lambda: list(call))[0]
call = slow(b"x")
assert began(call)
call.cancel()
out["many"] = sum(len(f.result()) for f in [unary.future(b"x" * 100) for _ in range(200)])
out["gone"] = failure(lambda: channel.unary_unary("/gone/Method", ident, ident)(b"x"))
out["noroute"] = failure(lambda: channel.unary_unary("/none/Method", ident, ident)(b"x"))
channel.close()
print(json.dumps(out))
`;

function startServer() {
  return startAnnounced("/usr/bin/python3", ["-u", "-c", SERVER]);
}

Deno.test("gRPC goes through and through: unary, streams, deadlines, cancels, failures", async () => {
  await using server = await startServer();
  await using proxy = await startConfigured({
    engine: "deno",
    backends: {
      default: { servers: [server.address], protocol: "h2" },
      gone: { servers: [`127.0.0.1:${await unusedPort()}`], protocol: "h2" },
    },
    settings: {
      routes: [{ paths: ["/gone"], backend: "gone" }, {
        paths: ["/test.Echo"],
        backend: "default",
      }],
    },
  });
  const { ca } = await testCertificates();
  const out = JSON.parse(await runOk("/usr/bin/python3", ["-c", CLIENT, String(proxy.port), ca]));
  assert.deepEqual(out.unary, ["hello", "1", { "x-trailing": "t", "x-deadline": "yes" }]);
  assert.deepEqual([out.large, out.empty], [3_000_000, 0]);
  assert.deepEqual(out.fails, ["FAILED_PRECONDITION", "not today: \u00e9"]);
  assert.equal(out.unknown, "UNIMPLEMENTED");
  assert.deepEqual([out.down, out.up, out.both], [500, "200000", [50, "M49"]]);
  assert.equal(out.deadline, "DEADLINE_EXCEEDED");
  assert.equal(out.many, 20_000);
  assert.equal(out.gone[0], "UNAVAILABLE");
  assert.equal(out.noroute[0], "UNIMPLEMENTED");
  // what the client gives up is given up at the server, too
  await server.lines.count(/^slow gone/, 2);
});

Deno.test("servers are checked by grpc.health.v1, one service or the whole", async () => {
  await using server = await startServer();
  const check = (service?: string) => ({
    servers: [server.address],
    protocol: "h2",
    health: {
      type: "grpc",
      interval: "200ms",
      fast_interval: "50ms",
      // those that are well are so however busy they are
      timeout: "20s",
      fall: 1,
      rise: 1,
      ...(service === undefined ? {} : { service }),
    },
  });
  await using proxy = await startConfigured({
    engine: "deno",
    backends: {
      default: check(),
      echo: check("test.Echo"),
      down: check("down"),
      odd: check("odd"),
    },
  });
  await proxy.log.first(/server down backend=down .*NOT_SERVING/);
  await proxy.log.first(/server down backend=odd .*unknown/);
  await server.lines.count(/^check test\.Echo/, 3);
  await server.lines.count(/^check $/, 3);
  assert.deepEqual(proxy.log.matching(/server down backend=(default|echo)/), []);
});
