/**
 * The API server's metrics (`/metrics`) and its health as metrics (`/metrics/slis`, https://kubernetes.io/docs/reference/instrumentation/slis/), under upstream's names.
 */
import { Gauge, Registry } from 'prom-client';
import type { MetricFamily, Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import type { Check } from '../health.ts';
import { Count, countFamily, spreadFamily } from './family.ts';
import { requestMetrics, type RequestMetrics } from './requests.ts';

export interface Metrics extends RequestMetrics {
  /** Shows one more family: of what runs beside the server in its process. */
  add(family: MetricFamily): void;
  /** What `/metrics` shows. */
  render(): Promise<Exposition>;
  /** What `/metrics/slis` shows. */
  renderIndicators(): Promise<Exposition>;
}

export interface Exposition {
  readonly type: string;
  readonly text: string;
}

/** What the gauges read when somebody scrapes. */
export interface Sources {
  /** How many objects each resource has. */
  readonly objects: () => Iterable<{ readonly group: string; readonly plural: string; readonly count: number }>;
  readonly storeBytes: () => Promise<number>;
  readonly storeGauges: NonNullable<Store['gauges']>;
  readonly storeFamilies: NonNullable<Store['families']>;
  readonly version: { readonly gitVersion: string; readonly major: string; readonly minor: string };
  readonly checks: { readonly [type in 'livez' | 'readyz']: readonly Check[] };
}

export function metricsOf(
  world: World,
  { objects, storeBytes, storeGauges, storeFamilies, version, checks }: Sources,
): Metrics {
  const { clock, processes } = world;
  const registry = new Registry();
  const registers = [registry];
  const requests = requestMetrics(registry, clock);
  countFamily(registry, {
    name: 'apiserver_resource_objects',
    help: 'Stored objects by group and resource.',
    type: 'gauge',
    *series() {
      for (const { group, plural, count } of objects()) yield counted({ group, resource: plural }, count);
    },
  });
  // The name before 1.34, which dashboards still ask for.
  countFamily(registry, {
    name: 'apiserver_storage_objects',
    help: 'Stored objects by resource.',
    type: 'gauge',
    *series() {
      for (const { group, plural, count } of objects())
        yield counted({ resource: group ? `${plural}.${group}` : plural }, count);
    },
  });
  const gauge = (name: string, help: string, value: () => number | Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await value());
      },
    });
  };
  gauge('apiserver_storage_size_bytes', 'Size of the storage database.', storeBytes);
  for (const [name, { help, value }] of Object.entries(storeGauges)) gauge(name, help, value);
  const add = (family: MetricFamily): void =>
    family.type === 'histogram' ? spreadFamily(registry, family) : countFamily(registry, family);
  for (const family of storeFamilies) add(family);
  gauge('process_resident_memory_bytes', 'Resident memory of this process.', () => processes.usage().residentBytes);
  const startedAt = clock.now();
  gauge('process_start_time_seconds', 'When this process started, since the epoch.', () => startedAt / 1000);
  countFamily(registry, {
    name: 'process_cpu_seconds_total',
    help: 'Processor time of this process.',
    type: 'counter',
    series: () => [counted({}, processes.usage().cpuMs / 1000)],
  });
  countFamily(registry, {
    name: 'kubernetes_build_info',
    help: 'What this is: always 1.',
    type: 'gauge',
    series: () => [
      counted(
        {
          git_version: version.gitVersion,
          major: version.major,
          minor: version.minor,
          platform: processes.self.platform,
        },
        1,
      ),
    ],
  });
  const indicators = indicatorsOf(checks);
  const render = async (of: Registry): Promise<Exposition> => ({ type: of.contentType, text: await of.metrics() });
  return { ...requests, add, render: () => render(registry), renderIndicators: () => render(indicators) };
}

/** Each check is made when somebody scrapes, and counted. */
function indicatorsOf(checks: Sources['checks']): Registry {
  const registry = new Registry();
  const totals = new Map<string, Count>();
  const run = function* (): Generator<Count> {
    for (const [type, list] of Object.entries(checks)) {
      for (const { name, check } of list) {
        const well = check() === undefined;
        const labels = { name, type, status: well ? 'success' : 'error' };
        const id = Object.values(labels).join(' ');
        const total = totals.get(id) ?? new Count(labels);
        totals.set(id, total);
        total.value++;
        yield counted({ name, type }, well ? 1 : 0);
      }
    }
  };
  countFamily(registry, { name: 'kubernetes_healthcheck', help: 'The checks: 1 is well.', type: 'gauge', series: run });
  countFamily(registry, {
    name: 'kubernetes_healthchecks_total',
    help: 'Checks made, by result.',
    type: 'counter',
    series: () => totals.values(),
  });
  return registry;
}

function counted(labels: Readonly<Record<string, string>>, value: number): Count {
  const count = new Count(labels);
  count.value = value;
  return count;
}
