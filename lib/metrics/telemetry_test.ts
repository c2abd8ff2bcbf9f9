import assert from "node:assert/strict";
import { openTelemetry, parseTraceparent } from "./telemetry.ts";

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

Deno.test("openTelemetry() observes nothing while the runtime's OpenTelemetry is off", () => {
  assert.equal(openTelemetry(), undefined);
});
