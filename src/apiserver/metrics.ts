/**
 * The API server's metrics under upstream's names (https://kubernetes.io/docs/reference/instrumentation/metrics/). Label values are bounded: an unknown
 * resource never becomes a label.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '#world/world.ts';

export interface Metrics {
  /** Called at a request's arrival; the answer is called at its end. */
  started(): (seen: { verb: string; resource: string; code: number }) => void;
  render(): Promise<{ type: string; text: string }>;
  readonly registry: Registry;
}

/** Upstream's buckets of apiserver_request_duration_seconds, thinned. */
const buckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

export function metricsOf(
  clock: Clock,
  gauges: { readonly objects: () => ReadonlyMap<string, number>; readonly storeBytes: () => Promise<number> },
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const total = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource and code.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Time from arrival to answer.',
    labelNames: ['verb', 'resource'],
    buckets,
    registers,
  });
  const inflight = new Gauge({
    name: 'apiserver_current_inflight_requests',
    help: 'Requests being served.',
    registers,
  });
  new Gauge({
    name: 'apiserver_storage_objects',
    help: 'Stored objects by resource.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, count] of gauges.objects()) this.set({ resource }, count);
    },
  });
  new Gauge({
    name: 'apiserver_storage_size_bytes',
    help: 'Size of the storage database.',
    registers,
    async collect() {
      this.set(await gauges.storeBytes());
    },
  });
  return {
    registry,
    started() {
      const at = clock.monotonic();
      inflight.inc();
      return ({ verb, resource, code }) => {
        inflight.dec();
        total.inc({ verb, resource, code: String(code) });
        if (verb !== 'WATCH') seconds.observe({ verb, resource }, (clock.monotonic() - at) / 1000);
      };
    },
    render: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}
