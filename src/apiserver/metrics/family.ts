/**
 * Metric families that cost a request next to nothing: plain numbers in a series that the caller holds, which the registry reads when somebody scrapes. prom-client's own
 * counters hash their labels at every call (0.6 us each): too much for what happens at every request and every watch event.
 */
import type { Registry } from 'prom-client';
import type { HistogramSeries, NumberSeries } from '#store/store.ts';

export type Labels = Readonly<Record<string, string>>;

/** One value and its labels. */
export class Count {
  readonly labels: Labels;
  value = 0;
  constructor(labels: Labels) {
    this.labels = labels;
  }
}

/** How often, and how much, by upper bounds. */
export class Spread {
  readonly labels: Labels;
  readonly bounds: readonly number[];
  /** How many were at most `bounds[i]` and more than the bound before; the last are above all bounds. */
  readonly counts: Float64Array;
  sum = 0;
  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }
  observe(value: number): void {
    this.sum += value;
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at++;
    (this.counts[at] as number)++;
  }
}

interface Sample {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: () => Iterable<Sample>;
}

/** Makes a family part of what a scrape shows. */
function register(registry: Registry, { name, help, type, samples }: Family): void {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: async () => ({ name, help, type, aggregator: 'sum', values: [...samples()] }),
    reset: () => undefined,
  };
  // The registry's types name its own classes; it calls nothing but `get` and `name`.
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
}

/** A counter or gauge whose series stand elsewhere. */
export function countFamily(
  registry: Registry,
  family: Omit<Family, 'samples'> & { readonly series: () => Iterable<NumberSeries> },
): void {
  register(registry, {
    ...family,
    *samples() {
      for (const { labels, value } of family.series()) yield { labels: { ...labels }, value };
    },
  });
}

/** A histogram whose series stand elsewhere. */
export function spreadFamily(
  registry: Registry,
  family: Omit<Family, 'samples' | 'type'> & { readonly series: () => Iterable<HistogramSeries> },
): void {
  const { name } = family;
  register(registry, {
    ...family,
    type: 'histogram',
    *samples() {
      for (const { labels, bounds, counts, sum } of family.series()) {
        let total = 0;
        for (const [at, bound] of bounds.entries()) {
          total += counts[at] as number;
          yield { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: total };
        }
        total += counts.at(-1) as number;
        yield { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total };
        yield { metricName: `${name}_sum`, labels: { ...labels }, value: sum };
        yield { metricName: `${name}_count`, labels: { ...labels }, value: total };
      }
    },
  });
}

/** Bounds from `start`, each `factor` times the one before. */
export const exponentialBounds = (start: number, factor: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, at) => start * factor ** at);
