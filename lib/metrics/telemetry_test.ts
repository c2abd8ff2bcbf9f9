import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { PEER, REQUEST } from "../../tests/support/events.ts";
import { describeRequest, openTelemetry, parseTraceparent } from "./telemetry.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

Deno.test("parseTraceparent() reads what the recommendation allows, and nothing else", () => {
  const good = { traceId: TRACE, spanId: SPAN, isRemote: true };
  const cases: readonly [value: string | undefined, flags: number | undefined][] = [
    [`00-${TRACE}-${SPAN}-01`, 1],
    [`00-${TRACE}-${SPAN}-00`, 0],
    [`00-${TRACE}-${SPAN}-03`, 1],
    [`cc-${TRACE}-${SPAN}-01-what-is-to-come`, 1],
    [`00-${TRACE}-${SPAN}-01-x`, undefined],
    [`ff-${TRACE}-${SPAN}-01`, undefined],
    [`00-${"0".repeat(32)}-${SPAN}-01`, undefined],
    [`00-${TRACE}-${"0".repeat(16)}-01`, undefined],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, undefined],
    [`00-${TRACE}-${SPAN}`, undefined],
    ["", undefined],
    [undefined, undefined],
  ];
  for (const [value, traceFlags] of cases) {
    const expected = traceFlags === undefined ? undefined : { ...good, traceFlags };
    assert.deepEqual(parseTraceparent(value), expected, `${value}`);
  }
});

Deno.test("describeRequest() tells path, hosts and clients as they are, however they were said", () => {
  const attributesOf = (facts: Partial<typeof REQUEST>) =>
    describeRequest({ ...REQUEST, ...facts }).attributes;
  for (
    const [target, path] of [
      ["/x/y?secret=1", "/x/y"],
      ["http://localhost:8443/x?secret=1", "/x"],
      ["HTTPS://localhost?secret=1", "/"],
      ["/http://a/b", "/http://a/b"],
      ["*", "*"],
      [undefined, undefined],
    ]
  ) assert.equal(attributesOf({ target })["url.path"], path, `${target}`);
  assert.equal(attributesOf({ host: "LocalHost:8443" })["server.address"], "localhost");
  assert.equal(attributesOf({ host: undefined })["server.address"], undefined);
  const proxied = attributesOf({ client: "9.9.9.9" });
  assert.equal(proxied["client.address"], "9.9.9.9");
  assert.equal(proxied["network.peer.address"], PEER.host);
  assert.equal(attributesOf({})["client.address"], PEER.host);
});

Deno.test("describeRequest() makes no names of what clients send", () => {
  const { name, attributes } = describeRequest({ ...REQUEST, method: "X1" });
  assert.equal(name, "HTTP");
  assert.equal(attributes["http.request.method"], "_OTHER");
  assert.equal(attributes["http.request.method_original"], "X1");
  assert.equal(describeRequest(REQUEST).name, "GET");
  assert.equal(describeRequest({ ...REQUEST, method: undefined }).name, "HTTP");
});

Deno.test("describeRequest() tells failures of servers, their own answers among them, and no client's", () => {
  const cases: readonly [
    facts: Partial<typeof REQUEST>,
    failed: boolean,
    type: string | undefined,
    status: number | undefined,
  ][] = [
    [{ status: 200 }, false, undefined, 200],
    [{ status: 404 }, false, undefined, 404],
    [{ status: 404, error: new ProxyError("no_route", "no") }, false, "no_route", 404],
    [{ status: 500 }, true, "500", 500],
    [{ status: 502, error: new ProxyError("connect_failed", "no") }, true, "connect_failed", 502],
    [{ status: 200, error: new ProxyError("upstream_gone", "no") }, true, "upstream_gone", 200],
    [{ status: 200, error: new ProxyError("client_gone", "no") }, false, "client_gone", 200],
    [{ status: 0, error: new ProxyError("client_gone", "no") }, false, "client_gone", undefined],
  ];
  for (const [facts, failed, type, status] of cases) {
    const described = describeRequest({ ...REQUEST, ...facts });
    assert.equal(described.failed, failed, JSON.stringify(facts));
    assert.equal(described.attributes["error.type"], type);
    assert.equal(described.attributes["http.response.status_code"], status);
  }
});

Deno.test("openTelemetry() observes nothing while the runtime's OpenTelemetry is off", () => {
  assert.equal(openTelemetry(), undefined);
});
