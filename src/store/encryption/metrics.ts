/** What transformations are counted as, under upstream's names (k8s.io/apiserver/pkg/storage/value/metrics.go). */
import type { HistogramSeries, MetricFamily, NumberSeries } from '../store.ts';

/** Five microseconds to a minute and a half, as upstream. */
const bounds = Array.from({ length: 25 }, (_, at) => 5e-6 * 2 ** at);

type Counted = { -readonly [name in keyof NumberSeries]: NumberSeries[name] };
type Spread = { -readonly [name in keyof HistogramSeries]: HistogramSeries[name] };

export class TransformationMetrics {
  readonly #operations = new Map<string, Counted>();
  readonly #durations = new Map<string, Spread>();

  /** `seconds` is undefined where nobody measured. */
  record(
    what: { readonly resource: string; readonly direction: string; readonly prefix: string },
    error: unknown,
    seconds: number | undefined,
  ): void {
    const { resource, direction, prefix } = what;
    const status = error === undefined ? 'OK' : 'unknown-non-grpc';
    const id = `${resource} ${direction} ${prefix} ${status}`;
    let count = this.#operations.get(id);
    if (!count) {
      const labels = { resource, transformation_type: direction, transformer_prefix: prefix, status };
      this.#operations.set(id, (count = { labels, value: 0 }));
    }
    count.value++;
    if (error !== undefined || seconds === undefined) return;
    const spreadId = `${direction} ${prefix}`;
    let spread = this.#durations.get(spreadId);
    if (!spread) {
      const labels = { transformation_type: direction, transformer_prefix: prefix };
      spread = { labels, bounds, counts: new Float64Array(bounds.length + 1), sum: 0 };
      this.#durations.set(spreadId, spread);
    }
    spread.sum += seconds;
    let at = 0;
    while (at < bounds.length && seconds > (bounds[at] as number)) at++;
    (spread.counts[at] as number)++;
  }

  /** `seeds` are those that a KMS has decrypted, by provider. */
  families(seeds: () => Iterable<{ readonly name: string; readonly size: number }>): readonly MetricFamily[] {
    return [
      {
        name: 'apiserver_storage_transformation_operations_total',
        help: 'Values encrypted and decrypted, by resource, provider and result.',
        type: 'counter',
        series: () => this.#operations.values(),
      },
      {
        name: 'apiserver_storage_transformation_duration_seconds',
        help: 'How long it took.',
        type: 'histogram',
        series: () => this.#durations.values(),
      },
      {
        name: 'apiserver_envelope_encryption_dek_source_cache_size',
        help: 'Seeds that a KMS has decrypted and that are kept.',
        type: 'gauge',
        *series() {
          for (const { name, size } of seeds()) yield { labels: { provider_name: name }, value: size };
        },
      },
    ];
  }
}
