import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type CallOptions,
  type Client,
  credentials,
  makeGenericClientConstructor,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { Agent, request } from "undici";
import { startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { eventually, within } from "./support/deadline.ts";
import { encodeAnswer } from "./support/http.ts";

/** Clients and servers of npm that speak HTTP/2, through the proxy. */

Deno.test("undici asks for many things at once, on one connection, and gives one up", async () => {
  await using backend = await startHttp(async ({ target, body }) => {
    if (target === "/never") await new Promise<void>(() => {});
    return encodeAnswer(`${target} ${body.length}`);
  });
  await using proxy = await startConfigured({ backends: { api: backend.address } });
  const { caPem: ca } = await testCertificates();
  const dispatcher = new Agent({ allowH2: true, connections: 1, connect: { ca } });
  const url = `https://localhost:${proxy.port}`;
  const post = async (i: number) => {
    const body = "x".repeat(i * 20_000);
    const answer = await request(`${url}/${i}`, { dispatcher, method: "POST", body });
    return `${answer.statusCode} ${await answer.body.text()}`;
  };
  const numbers = Array.from({ length: 20 }, (_, i) => i);
  try {
    assert.deepEqual(
      await within(Promise.all(numbers.map(post)), "all answers"),
      numbers.map((i) => `200 /${i} ${i * 20_000}`),
    );
    const giveUp = new AbortController();
    const never = request(`${url}/never`, { dispatcher, signal: giveUp.signal });
    await eventually(
      () => backend.requests.some(({ target }) => target === "/never") || undefined,
      "it to be asked",
    );
    giveUp.abort();
    await assert.rejects(never);
    assert.equal(await within(post(1), "another answer"), "200 /1 20000");
    await proxy.log.count(/ request .*target=\/\d+ status=200 .*version=2/, numbers.length + 1);
    assert.equal(proxy.log.matching(/ info handshake .*alpn=h2/).length, 1);
  } finally {
    await dispatcher.destroy();
  }
});

const asBytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };

function method(path: string, streams: boolean) {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: asBytes.serialize,
    requestDeserialize: asBytes.deserialize,
    responseSerialize: asBytes.serialize,
    responseDeserialize: asBytes.deserialize,
  };
}

const ECHO: ServiceDefinition = {
  unary: method("/test.Echo/Unary", false),
  fails: method("/test.Echo/Fails", false),
  slow: method("/test.Echo/Slow", false),
  both: method("/test.Echo/Both", true),
};

type Reply = sendUnaryData<Buffer>;

interface EchoServer extends AsyncDisposable {
  readonly port: number;
  /** Whether a call has come that it does not answer. */
  readonly isAsked: boolean;
}

/** A server of gRPC in JavaScript. */
async function startEcho(cancelled: () => void): Promise<EchoServer> {
  const server = new Server({ "grpc.max_receive_message_length": -1 });
  let isAsked = false;
  server.addService(ECHO, {
    unary(call: ServerUnaryCall<Buffer, Buffer>, reply: Reply) {
      const trailers = new Metadata();
      trailers.set("x-seen", String(call.metadata.get("x-own")[0]));
      reply(null, call.request, trailers);
    },
    fails(_call: ServerUnaryCall<Buffer, Buffer>, reply: Reply) {
      reply({ code: status.FAILED_PRECONDITION, details: "not today: \u00e9" });
    },
    slow(call: ServerUnaryCall<Buffer, Buffer>) {
      isAsked = true;
      call.on("cancelled", cancelled);
    },
    both(call: ServerDuplexStream<Buffer, Buffer>) {
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      ServerCredentials.createInsecure(),
      (error, port) => error === null ? resolve(port) : reject(error),
    )
  );
  return {
    port,
    get isAsked() {
      return isAsked;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(server.forceShutdown()),
  };
}

Deno.test("@grpc/grpc-js is served by @grpc/grpc-js", async () => {
  const gone = Promise.withResolvers<void>();
  await using server = await startEcho(gone.resolve);
  await using proxy = await startConfigured({
    backends: { api: { servers: [`127.0.0.1:${server.port}`], protocol: "h2" } },
  });
  const { caPem } = await testCertificates();
  const Echo = makeGenericClientConstructor(ECHO, "Echo");
  const client: Client = new Echo(
    `localhost:${proxy.port}`,
    credentials.createSsl(Buffer.from(caPem)),
    { "grpc.max_receive_message_length": -1 },
  );
  const call = async (path: string, message: Buffer, options: CallOptions = {}) => {
    const own = new Metadata();
    own.set("x-own", "mine");
    const outcome = Promise.withResolvers<{ error: ServiceError | null; value?: Buffer }>();
    const { serialize, deserialize } = asBytes;
    const calling = client.makeUnaryRequest(
      ...[path, serialize, deserialize, message, own, options] as const,
      (error, value) => outcome.resolve({ error, ...(value === undefined ? {} : { value }) }),
    );
    const told = new Promise<Metadata>((resolve) =>
      calling.on("status", ({ metadata }) => resolve(metadata))
    );
    const { error, value } = await within(outcome.promise, path);
    return { error, value, seen: (await told).get("x-seen")[0] };
  };
  try {
    const large = Buffer.alloc(3_000_000, 1);
    const echoed = await call("/test.Echo/Unary", large);
    assert.deepEqual([echoed.value?.length, echoed.seen], [large.length, "mine"]);
    const { error } = await call("/test.Echo/Fails", Buffer.from("x"));
    assert.deepEqual([error?.code, error?.details], [
      status.FAILED_PRECONDITION,
      "not today: \u00e9",
    ]);
    // a call that is given up before it is there is none to the server
    for (let ms = 500; !server.isAsked; ms *= 4) {
      const slow = await call("/test.Echo/Slow", Buffer.from("x"), { deadline: Date.now() + ms });
      assert.equal(slow.error?.code, status.DEADLINE_EXCEEDED);
    }
    await within(gone.promise, "the server to hear of it");

    const stream = client.makeBidiStreamRequest(
      "/test.Echo/Both",
      asBytes.serialize,
      asBytes.deserialize,
    );
    const got: string[] = [];
    const over = new Promise<void>((resolve, reject) => {
      stream.on("end", resolve);
      stream.on("error", reject);
    });
    stream.on("data", (message: Buffer) => {
      if (got.push(String(message)) < 50) stream.write(Buffer.from(`m${got.length}`));
      else stream.end();
    });
    stream.write(Buffer.from("m0"));
    await within(over, "the end of the stream");
    assert.deepEqual([got.length, got.at(-1)], [50, "m49"]);
    await proxy.log.count(/ request .*target=\/test\.Echo\/.* version=2/, 4);
  } finally {
    client.close();
  }
});
