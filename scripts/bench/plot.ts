import type { Group } from "./findings.ts";
import { type Results, rowOf } from "./results.ts";
import type { Measure } from "./workloads/workload.ts";

/** Pixels. */
const SIZE = { width: 760, label: 200, bar: 420, row: 20, heading: 34, margin: 12 } as const;

/**
 * Results as bars, one panel for each plotted measure in each group; shorter is better. It is
 * a picture on its own: its colours follow the reader's light or dark mode.
 */
export function renderPlot(results: Results, groups: readonly Group[]): string {
  const panels = groups.flatMap((group) =>
    group.measures.filter(({ plot }) => plot === true)
      .map((measure) => ({ group, measure, bars: barsOf(results, { group, measure }) }))
      .filter(({ bars }) => bars.length > 0)
  );
  const parts: string[] = [];
  let y: number = SIZE.margin;
  for (const { group, measure, bars } of panels) {
    y += SIZE.heading;
    parts.push(
      text(`${group.title}: ${measure.name}`, { x: SIZE.margin, y: y - 10, kind: "head" }),
    );
    const most = Math.max(...bars.map(({ value }) => value));
    for (const bar of bars) {
      parts.push(...drawn(bar, { y, most, digits: measure.digits }));
      y += SIZE.row;
    }
  }
  const height = y + SIZE.margin;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${height}" ` +
    `width="${SIZE.width}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">TLS proxies side by side</title>
<desc id="desc">${escape(describe(panels))}</desc>
<style>
text { font: 12px sans-serif; fill: #1f2328; }
.head { font-weight: bold; }
.ours { fill: #0969da; }
.theirs { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ours { fill: #58a6ff; }
  .theirs { fill: #6e7681; }
}
</style>
${parts.join("\n")}
</svg>
`;
}

interface Bar {
  readonly name: string;
  readonly value: number;
}

interface Panel {
  readonly group: Group;
  readonly measure: Measure;
  readonly bars: readonly Bar[];
}

function barsOf(
  results: Results,
  { group, measure }: { group: Group; measure: Measure },
): readonly Bar[] {
  const row = rowOf(results, group, measure.name);
  return group.contenders.flatMap((name) => {
    const cell = row?.cells[name];
    return cell === undefined ? [] : [{ name, value: cell.value }];
  });
}

function drawn(
  { name, value }: Bar,
  { y, most, digits }: { y: number; most: number; digits: number },
): readonly string[] {
  // nothing at all is no bar, not one of NaN
  const width = most > 0 ? Math.max(0, Math.round(value / most * SIZE.bar)) : 0;
  const kind = name.startsWith("tls-proxy") ? "ours" : "theirs";
  const baseline = y + SIZE.row - 7;
  return [
    text(name, { x: SIZE.margin, y: baseline }),
    `<rect class="${kind}" x="${SIZE.label}" y="${y + 3}" width="${width}" height="${
      SIZE.row - 6
    }"/>`,
    text(value.toFixed(digits), { x: SIZE.label + width + 6, y: baseline }),
  ];
}

/** For who hears the picture: the same numbers. */
function describe(panels: readonly Panel[]): string {
  return panels.map(({ group, measure, bars }) =>
    `${group.title}, ${measure.name}: ` +
    bars.map(({ name, value }) => `${name} ${value.toFixed(measure.digits)}`).join(", ")
  ).join(". ");
}

function text(content: string, { x, y, kind }: { x: number; y: number; kind?: string }): string {
  const style = kind === undefined ? "" : ` class="${kind}"`;
  return `<text${style} x="${x}" y="${y}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
