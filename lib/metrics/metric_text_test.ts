import assert from "node:assert/strict";
import { Histogram, quantile } from "./histogram.ts";
import { counter, gauge, histogram, sumFamilies } from "./metric_family.ts";
import { metricFormat, metricText } from "./metric_text.ts";

function families() {
  const times = new Histogram([0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) times.observe(value);
  return [
    counter("a_things", "Things.", [[{ kind: 'x"\\\ny' }, 3], [{ kind: "z" }, 0]]),
    gauge("b", "A gauge.", [[{}, 1.5]]),
    histogram("c_seconds", "Times.", [[{ of: "d" }, times]]),
    gauge("nothing", "Of nothing.", []),
  ];
}

const COMMON = `# HELP b A gauge.
# TYPE b gauge
b 1.5
# HELP c_seconds Times.
# TYPE c_seconds histogram
c_seconds_bucket{of="d",le="0.1"} 2
c_seconds_bucket{of="d",le="1"} 3
c_seconds_bucket{of="d",le="+Inf"} 4
c_seconds_sum{of="d"} 7.65
c_seconds_count{of="d"} 4
`;
const THINGS = String.raw`a_things_total{kind="x\"\\\ny"} 3
a_things_total{kind="z"} 0
`;

Deno.test("metricText() writes Prometheus' text format", () => {
  const begin = "# HELP a_things_total Things.\n# TYPE a_things_total counter\n";
  assert.equal(metricText(families(), "prometheus"), begin + THINGS + COMMON);
});

Deno.test("metricText() writes OpenMetrics for those who ask for it", () => {
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
  assert.equal(metricFormat(accept), "openmetrics");
  for (const other of [null, "*/*", "text/plain"]) assert.equal(metricFormat(other), "prometheus");
  const begin = "# HELP a_things Things.\n# TYPE a_things counter\n";
  assert.equal(metricText(families(), "openmetrics"), `${begin}${THINGS}${COMMON}# EOF\n`);
});

Deno.test("sumFamilies() adds up what workers have counted, label by label", () => {
  const other = [
    counter("a_things", "Things.", [[{ kind: "z" }, 4], [{ kind: "w" }, 1]]),
    gauge("b", "A gauge.", [[{}, 1]]),
  ];
  const text = metricText(sumFamilies([families(), other]), "prometheus");
  assert.match(text, /^a_things_total\{kind="z"\} 4$/m);
  assert.match(text, /^a_things_total\{kind="w"\} 1$/m);
  assert.match(text, /^b 2\.5$/m);
  assert.match(text, /^c_seconds_count\{of="d"\} 4$/m);
});

Deno.test("quantile() interpolates within a bucket", () => {
  const bounds = [1, 2, 4];
  assert.equal(quantile(bounds, [0, 0, 0, 0], 0.5), undefined);
  assert.equal(quantile(bounds, [10, 0, 0, 0], 0.5), 0.5);
  assert.equal(quantile(bounds, [0, 10, 0, 0], 0.5), 1.5);
  assert.equal(quantile(bounds, [5, 0, 5, 0], 0.75), 3);
  assert.equal(quantile(bounds, [0, 0, 0, 1], 0.99), 4, "no more than the last bound is known");
});
