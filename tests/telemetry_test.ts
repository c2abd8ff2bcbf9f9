import assert from "node:assert/strict";
import { startHttp } from "./support/backends.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { within } from "./support/deadline.ts";
import { encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { stopProxy } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

for (const workers of [1, 2]) {
  Deno.test(`with OTEL_DENO=true each request is a span of its caller's trace (workers: ${workers})`, async () => {
    await using collector = startCollector(3);
    await using backend = await startHttp();
    const config = { backends: { app: backend.address }, settings: { workers } };
    await using proxy = await startConfigured(config, { env: collector.env });
    using client = await connectTls(proxy.port);
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    const line = `traceparent: ${traceparent}`;
    for (const fields of [[line], [], [line, line.replace(PARENT, TRACE.slice(16))]]) {
      await client.write(encodeRequest("/a?secret=1", { fields }));
      await readAnswer(client);
    }
    await client.end();
    assert.equal(await stopProxy(proxy), 0);
    await within(collector.arrived, "three spans");

    const { spans } = collector;
    assert.deepEqual(spans.map(({ name }) => name), ["GET", "GET", "GET"], "one for each request");
    // of two parents neither is one
    const [child, ...more] = spans.filter(({ traceId }) => traceId === TRACE);
    assert.deepEqual([child?.parentSpanId, more], [PARENT, []]);
    assert.ok(JSON.stringify(child).includes('"http.response.status_code"'));
    assert.ok(!JSON.stringify(spans).includes("secret"));
    const [first, second] = backend.requests;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(valuesOf(first, "traceparent"), [traceparent], "passed on as it came");
    assert.deepEqual(valuesOf(second, "traceparent"), [], "and not made up");
  });
}

Deno.test("a request that is refused by its head is a span of its caller's trace, too", async () => {
  await using collector = startCollector(2);
  await using backend = await startHttp();
  const config = { backends: { app: backend.address }, settings: { limits: { body: 10 } } };
  await using proxy = await startConfigured(config, { env: collector.env });
  for (const [method, length, status] of [["POST", 11, 413], ["TRACE", 0, 405]] as const) {
    using client = await connectTls(proxy.port);
    const fields = [`traceparent: 00-${TRACE}-${PARENT}-01`, `Content-Length: ${length}`];
    await client.write(encodeRequest("/", { method, fields }));
    assert.equal((await readAnswer(client)).status, status);
  }
  assert.equal(await stopProxy(proxy), 0);
  await within(collector.arrived, "two spans");
  const parents = collector.spans.map(({ traceId, parentSpanId }) => [traceId, parentSpanId]);
  assert.deepEqual(parents, [[TRACE, PARENT], [TRACE, PARENT]]);
});

Deno.test("OTEL_TRACES_SAMPLER can leave out what the caller's trace does not sample", async () => {
  await using collector = startCollector(1);
  await using backend = await startHttp();
  const config = { backends: { app: backend.address } };
  const env = { ...collector.env, OTEL_TRACES_SAMPLER: "parentbased_always_on" };
  await using proxy = await startConfigured(config, { env });
  using client = await connectTls(proxy.port);
  for (const flags of ["00", "01"]) {
    const fields = [`traceparent: 00-${TRACE}-${PARENT}-${flags}`];
    await client.write(encodeRequest(`/${flags}`, { fields }));
    await readAnswer(client);
  }
  await client.end();
  assert.equal(await stopProxy(proxy), 0);
  await within(collector.arrived, "a span");
  assert.equal(collector.spans.length, 1);
  assert.match(JSON.stringify(collector.spans), /"\/01"/);
});

interface Collector extends AsyncDisposable {
  /** What has come. */
  readonly spans: Record<string, unknown>[];
  /** Settles when so many have come as are waited for. */
  readonly arrived: Promise<void>;
  /** What has the runtime send it spans. */
  readonly env: Readonly<Record<string, string>>;
}

/** A collector, as far as the protocol's JSON form takes one (OTLP/HTTP). */
function startCollector(wanted: number): Collector {
  const spans: Record<string, unknown>[] = [];
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.json();
      for (const { scopeSpans } of body.resourceSpans ?? []) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      if (spans.length >= wanted) resolve();
      return Response.json({});
    },
  );
  return {
    spans,
    arrived,
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "200",
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
