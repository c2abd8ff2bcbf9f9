import type { Histogram } from "./histogram.ts";

/** A metric with all that was measured of it, ready to be written down. */
export interface MetricFamily {
  /** A counter's without `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** One value of a family. */
export interface Sample {
  /** After the name, such as `_bucket`. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Values = readonly (readonly [labels: Sample["labels"], value: number])[];

/** What only rises; its samples end in `_total`, as OpenMetrics wants it. */
export function counter(name: string, help: string, values: Values): MetricFamily {
  const samples = values.map(([labels, value]) => ({ suffix: "_total", labels, value }));
  return { name, type: "counter", help, samples };
}

/** What rises and falls. */
export function gauge(name: string, help: string, values: Values): MetricFamily {
  const samples = values.map(([labels, value]) => ({ labels, value }));
  return { name, type: "gauge", help, samples };
}

/** How often values were within bounds, as `_bucket`, `_sum` and `_count`. */
export function histogram(
  name: string,
  help: string,
  values: readonly (readonly [labels: Sample["labels"], value: Histogram])[],
): MetricFamily {
  const samples = values.flatMap(([labels, value]) => histogramSamples(labels, value));
  return { name, type: "histogram", help, samples };
}

function histogramSamples(labels: Sample["labels"], { bounds, counts, sum }: Histogram): Sample[] {
  let below = 0;
  const buckets = [...counts].map((count, index): Sample => {
    below += count;
    const le = bounds[index];
    const bound = le === undefined ? "+Inf" : String(le);
    return { suffix: "_bucket", labels: { ...labels, le: bound }, value: below };
  });
  return [
    ...buckets,
    { suffix: "_sum", labels, value: sum },
    { suffix: "_count", labels, value: below },
  ];
}

/**
 * The same metrics of several workers as those of one process: samples with the same labels are
 * added up, which is right for counters, for histograms, and for gauges that count things.
 */
export function sumFamilies(workers: readonly (readonly MetricFamily[])[]): MetricFamily[] {
  const families = new Map<string, { family: MetricFamily; samples: Map<string, Sample> }>();
  for (const family of workers.flat()) {
    const { samples } = families.get(family.name) ?? { samples: new Map<string, Sample>() };
    families.set(family.name, { family, samples });
    for (const sample of family.samples) {
      const key = JSON.stringify([sample.suffix, sample.labels]);
      const value = sample.value + (samples.get(key)?.value ?? 0);
      samples.set(key, { ...sample, value });
    }
  }
  return [...families.values()].map(({ family, samples }) => ({
    ...family,
    samples: [...samples.values()],
  }));
}
