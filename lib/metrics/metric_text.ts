import type { MetricFamily, Sample } from "./metric_family.ts";

/** A way to write metrics down, chosen by what the reader accepts. */
export type MetricFormat = "prometheus" | "openmetrics";

/** The `Content-Type` of each format. */
export const METRIC_TYPES: Readonly<Record<MetricFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format for an `Accept` field: OpenMetrics for those who know it. */
export function metricFormat(accept: string | null): MetricFormat {
  return accept?.includes("application/openmetrics-text") ? "openmetrics" : "prometheus";
}

/**
 * Metrics as text. The formats differ in two things: OpenMetrics names a counter without `_total`,
 * and ends with `# EOF` (OpenMetrics 1.0, sections "Counter" and "Overall Structure").
 */
export function metricText(families: readonly MetricFamily[], format: MetricFormat): string {
  const parts = families.filter(({ samples }) => samples.length > 0)
    .map((family) => familyText(family, format));
  return parts.join("") + (format === "openmetrics" ? "# EOF\n" : "");
}

function familyText({ name, type, help, samples }: MetricFamily, format: MetricFormat): string {
  const title = type === "counter" && format === "prometheus" ? `${name}_total` : name;
  let text = `# HELP ${title} ${escape(help)}\n# TYPE ${title} ${type}\n`;
  for (const sample of samples) text += sampleText(name, sample);
  return text;
}

function sampleText(name: string, { suffix = "", labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`);
  const braces = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${name}${suffix}${braces} ${number(value)}\n`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function number(value: number): string {
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
}
