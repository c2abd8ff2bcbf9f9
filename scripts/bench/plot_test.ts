import assert from "node:assert/strict";
import { renderPlot } from "./plot.ts";

function plotOf(values: Readonly<Record<string, number>>): string {
  const cells = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value }]),
  );
  const row = { table: "http mode", run: "today", cells };
  const rows = [{ ...row, measure: "CPU <µs>" }, { ...row, measure: "speed" }];
  return renderPlot({ runs: [], rows }, [{
    title: "http mode",
    measures: [{ name: "CPU <µs>", digits: 1, plot: true }, { name: "speed", digits: 0 }],
    contenders: [...Object.keys(values), "absent"],
    baseline: "a",
  }]);
}

Deno.test("renderPlot() draws bars to scale, ours in a colour of its own", () => {
  const bars = [
    ...plotOf({ "tls-proxy-deno": 40, "a": 80 }).matchAll(
      /<rect class="(\w+)" .*? width="(\d+)"/g,
    ),
  ].map(([, kind, width]) => [kind, Number(width)]);
  assert.deepEqual(bars, [["ours", 210], ["theirs", 420]]);
});

Deno.test("renderPlot() says its numbers as text and escapes names", () => {
  const plot = plotOf({ "a": 80 });
  assert.match(plot, /<title id="title">.+<\/title>/);
  assert.match(plot, /<desc id="desc">http mode, CPU &lt;µs>: a 80\.0<\/desc>/);
  assert.doesNotMatch(plot, /speed|absent|CPU </);
});

Deno.test("renderPlot() draws nothing of nothing", () => {
  assert.doesNotMatch(plotOf({}), /<rect|NaN|Infinity/);
  assert.doesNotMatch(plotOf({ "a": 0 }), /NaN|Infinity/);
});
