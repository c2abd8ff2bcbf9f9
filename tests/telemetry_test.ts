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
    const spans: Record<string, unknown>[] = [];
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    // a collector, as far as the protocol's JSON form takes one (OTLP/HTTP)
    const collector = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const body = await request.json();
        for (const { scopeSpans } of body.resourceSpans ?? []) {
          for (const scope of scopeSpans) spans.push(...scope.spans);
        }
        if (spans.length >= 2) resolve();
        return Response.json({});
      },
    );
    await using backend = await startHttp();
    const env = {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "200",
    };
    const config = { backends: { app: backend.address }, settings: { workers } };
    await using proxy = await startConfigured(config, { env });
    using client = await connectTls(proxy.port);
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    for (const fields of [[`traceparent: ${traceparent}`], []]) {
      await client.write(encodeRequest("/a?secret=1", { fields }));
      await readAnswer(client);
    }
    await client.end();
    assert.equal(await stopProxy(proxy), 0);
    await within(arrived, "two spans");

    assert.deepEqual(spans.map(({ name }) => name), ["GET", "GET"], "one for each request");
    const child = spans.find(({ traceId }) => traceId === TRACE);
    assert.equal(child?.parentSpanId, PARENT);
    assert.ok(JSON.stringify(child).includes('"http.response.status_code"'));
    assert.ok(!JSON.stringify(spans).includes("secret"));
    const [first, second] = backend.requests;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(valuesOf(first, "traceparent"), [traceparent], "passed on as it came");
    assert.deepEqual(valuesOf(second, "traceparent"), [], "and not made up");
    await collector.shutdown();
  });
}
