import assert from "node:assert/strict";
import { startHttp } from "./support/backends.ts";
import { testCertificates } from "./support/certificates.ts";
import { startConfigured } from "./support/configured_proxy.ts";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

for (const engine of ENGINES) {
  const configure = async (backend: string, more: string) => {
    const { ec } = await testCertificates();
    return `
listeners: [{ listen: "127.0.0.1:0", engine: ${engine} }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend}"] } }
routes: [{ backend: a }]
${more}
`;
  };
  const CLAIMS = [
    "X-Forwarded-For: 203.0.113.9",
    "x-forwarded-for: 10.1.1.1, _hidden:5",
    "X_Forwarded_For: 6.6.6.6",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: front.test",
    "X-Forwarded-Port: 80",
    'Forwarded: for="[2001:db8::9]:4711";by=_x',
    "X-Request-Id: front-1",
    "Via: 1.1 front",
    "X-Real-IP: 203.0.113.9",
    "X_Forwarded_Prefix: /front.test",
    "True-Client-IP: 203.0.113.9",
  ];

  Deno.test(`a trusted proxy in front is believed, and appended to (${engine})`, async () => {
    await using backend = await startHttp(() => encodeAnswer("x", { fields: ["Via: 1.0 app"] }));
    await using proxy = await startConfigured(
      await configure(
        backend.address,
        `forwarded: { trusted: ["127.0.0.0/8"], standard: true, via: true }`,
      ),
    );
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/", { fields: CLAIMS }));
    const answer = await readAnswer(client);
    const [seen] = backend.requests;
    assert.ok(seen);
    const told = Object.fromEntries(
      ["For", "Proto", "Host", "Port"].map((name) => [name, valuesOf(seen, `X-Forwarded-${name}`)]),
    );
    assert.deepEqual(told, {
      For: ["203.0.113.9, 10.1.1.1, _hidden:5, 127.0.0.1"],
      Proto: ["http"],
      Host: ["front.test"],
      Port: ["80"],
    });
    assert.deepEqual(valuesOf(seen, "Forwarded"), [
      'for="[2001:db8::9]:4711";by=_x, for=127.0.0.1;host=localhost;proto=https',
    ]);
    assert.deepEqual(valuesOf(seen, "X-Request-Id"), ["front-1"]);
    assert.deepEqual(valuesOf(seen, "Via"), ["1.1 front, 1.1 tls-proxy"]);
    assert.deepEqual(valuesOf(answer, "Via"), ["1.0 app, 1.1 tls-proxy"]);
    assert.doesNotMatch(seen.head, /6\.6\.6\.6/);
    const kept = ["X-Real-IP", "X_Forwarded_Prefix", "True-Client-IP"];
    assert.deepEqual(kept.flatMap((name) => valuesOf(seen, name)), [
      ...["203.0.113.9", "/front.test", "203.0.113.9"],
    ]);
    // what is no address ends the search from the right
    await proxy.log.first(/ info request .* client=127\.0\.0\.1 id=front-1 /);

    await client.write(encodeRequest("/", { fields: ["X-Forwarded-For: 6.6.6.6, 203.0.113.9"] }));
    await readAnswer(client);
    await proxy.log.first(/ info request .* client=203\.0\.113\.9 id=\S+ /);
  });

  Deno.test(`an IPv4 client of a listener on [::] has its IPv4 address (${engine})`, async () => {
    await using backend = await startHttp();
    const yaml = await configure(backend.address, "");
    await using proxy = await startConfigured(yaml.replace("127.0.0.1:0", "[::]:0"));
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/"));
    await readAnswer(client);
    assert.deepEqual(backend.requests.map((seen) => valuesOf(seen, "X-Forwarded-For")), [
      ["127.0.0.1"],
    ]);
    await proxy.log.first(/ request peer=127\.0\.0\.1:\d+ /);
  });

  Deno.test(`anybody else is believed nothing (${engine})`, async () => {
    await using backend = await startHttp();
    await using proxy = await startConfigured(
      await configure(backend.address, `forwarded: { trusted: ["10.0.0.0/8"], standard: true }`),
    );
    using client = await connectTls(proxy.port);
    await client.write(encodeRequest("/", { fields: CLAIMS }));
    await readAnswer(client);
    const [seen] = backend.requests;
    assert.ok(seen);
    assert.deepEqual(valuesOf(seen, "X-Forwarded-For"), ["127.0.0.1"]);
    assert.deepEqual(valuesOf(seen, "X-Forwarded-Proto"), ["https"]);
    assert.deepEqual(valuesOf(seen, "Forwarded"), ["for=127.0.0.1;host=localhost;proto=https"]);
    assert.deepEqual(valuesOf(seen, "Via"), ["1.1 front"], "left alone unless asked for");
    assert.doesNotMatch(seen.head, /203\.0|6\.6\.6\.6|front\.test|2001:db8/);
  });

  Deno.test(`a body over limits.body gets 413, and none of it is sent on (${engine})`, async () => {
    await using backend = await startHttp(undefined, { brokenOff: true });
    await using proxy = await startConfigured(
      await configure(backend.address, "limits: { body: 1000 }"),
    );
    const chunks = (size: number) => `${size.toString(16)}\r\n${"x".repeat(size)}\r\n0\r\n\r\n`;
    const head = (framing: string) => `POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`;
    const CASES: [request: string, status: number][] = [
      [head("Content-Length: 1000") + "x".repeat(1000), 200],
      [head("Content-Length: 1001") + "x".repeat(1001), 413],
      [head("Transfer-Encoding: chunked") + chunks(1000), 200],
      [head("Transfer-Encoding: chunked") + chunks(1001), 413],
    ];
    for (const [request, status] of CASES) {
      using client = await connectTls(proxy.port);
      await client.write(request);
      const answer = await readAnswer(client);
      assert.equal(answer.status, status);
      if (status === 413) assert.equal(await client.readRest(), "");
    }
    assert.equal(backend.requests.length, 2);
    await proxy.log.count(/ info request .* status=413 .* error=body_too_large /, 2);
  });
}

Deno.test("an error answer names the request, in the form that the client prefers", async () => {
  await using backend = await startHttp();
  const { ec } = await testCertificates();
  await using proxy = await startConfigured(`
listeners: [{ listen: "127.0.0.1:0" }]
certificates: [{ cert: ${ec.cert}, key: ${ec.key} }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ paths: [/a], backend: a }]
`);
  using client = await connectTls(proxy.port);
  await client.write(encodeRequest("/b", { fields: ["X-Request-Id: mine"] }));
  const text = await readAnswer(client);
  assert.deepEqual([text.status, valuesOf(text, "X-Request-Id")], [404, ["mine"]]);
  assert.equal(text.body, "404 Not Found\nNo route matches this host and path\nrequest mine\n");
  await client.write(encodeRequest("/b", { fields: ["Accept: application/json"] }));
  const json = await readAnswer(client);
  const [id] = valuesOf(json, "X-Request-Id");
  assert.deepEqual(JSON.parse(json.body), {
    status: 404,
    error: "no_route",
    detail: "No route matches this host and path",
    request_id: id,
  });
  await proxy.log.first(new RegExp(` info request .* id=${id} .* error=no_route `));
});
