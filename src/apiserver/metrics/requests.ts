/**
 * What is counted of every request, under upstream's names and with its labels (https://kubernetes.io/docs/reference/instrumentation/metrics/). Label values are bounded: they
 * come from kinds that are served, never from a path as it was sent.
 */
import type { Registry } from 'prom-client';
import type { Clock } from '#world/world.ts';
import { Count, Spread, countFamily, exponentialBounds, spreadFamily, type Labels } from './family.ts';

/** A request as the metrics name it. */
export interface Subject {
  /** GET, LIST, WATCH, POST, PUT, PATCH, APPLY, DELETE, DELETECOLLECTION, CONNECT. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: 'resource' | 'namespace' | 'cluster' | '';
  readonly dryRun: boolean;
}

export interface Outcome {
  readonly code: number;
  /** Of the body, where it is known. */
  readonly bytes?: number;
}

export interface RequestMetrics {
  /** A request has arrived with this HTTP method; its end is told with what it was. */
  started(method: string): (subject: Subject, outcome: Outcome) => void;
  /** A request that was started is a stream (watch, log), and runs until disposed. */
  longRunning(subject: Subject): Disposable;
  /** Counts the events that the watchers of a resource are sent. */
  watchEvents(kind: { readonly group: string; readonly version: string; readonly plural: string }): WatchEvents;
}

export interface WatchEvents {
  sent(bytes: number): void;
}

const durations = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const indicators = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const answerSizes = exponentialBounds(1000, 10, 7);
const eventSizes = exponentialBounds(1024, 2, 8);

const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const streams = new Set(['WATCH', 'CONNECT']);

/** All that is counted of one kind of request. */
interface Series {
  readonly labels: Labels;
  readonly codes: Map<number, Count>;
  readonly seconds: Spread;
  /** Without streams, whose length says nothing of the server. */
  readonly indicator: Spread | undefined;
  readonly sizes: Spread | undefined;
}

export function requestMetrics(registry: Registry, clock: Clock): RequestMetrics {
  const all = new Map<string, Series>();
  const running = new Map<string, Count>();
  const events = new Map<string, { readonly count: Count; readonly sizes: Spread }>();
  const refused = new Map<string, Count>();
  const inFlight = {
    readOnly: new Count({ request_kind: 'readOnly' }),
    mutating: new Count({ request_kind: 'mutating' }),
  };

  const seriesOf = (subject: Subject): Series => {
    const id = idOf(subject);
    let series = all.get(id);
    if (!series) {
      const plain = labelsOf(subject);
      const labels = { ...plain, dry_run: subject.dryRun ? 'All' : '' };
      series = {
        labels,
        codes: new Map(),
        seconds: new Spread(labels, durations),
        indicator: streams.has(subject.verb) ? undefined : new Spread(plain, indicators),
        sizes: subject.verb === 'GET' || subject.verb === 'LIST' ? new Spread(plain, answerSizes) : undefined,
      };
      all.set(id, series);
    }
    return series;
  };
  const many = function* <T>(pick: (series: Series) => Iterable<T | undefined>): Generator<T> {
    for (const series of all.values()) for (const one of pick(series)) if (one !== undefined) yield one;
  };

  countFamily(registry, {
    name: 'apiserver_request_total',
    help: 'Requests by verb, dry run, group, version, resource, subresource, scope, component and code.',
    type: 'counter',
    series: () => many(({ codes }) => codes.values()),
  });
  spreadFamily(registry, {
    name: 'apiserver_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer.',
    series: () => many(({ seconds }) => [seconds]),
  });
  spreadFamily(registry, {
    name: 'apiserver_request_sli_duration_seconds',
    help: 'Time of requests as a service level indicator counts it: without streams.',
    series: () => many(({ indicator }) => [indicator]),
  });
  spreadFamily(registry, {
    name: 'apiserver_response_sizes',
    help: 'Bytes of the answers to reads.',
    series: () => many(({ sizes }) => [sizes]),
  });
  countFamily(registry, {
    name: 'apiserver_longrunning_requests',
    help: 'Streams that are open.',
    type: 'gauge',
    series: () => running.values(),
  });
  countFamily(registry, {
    name: 'apiserver_current_inflight_requests',
    help: 'Requests that are being served.',
    type: 'gauge',
    series: () => Object.values(inFlight),
  });
  countFamily(registry, {
    name: 'apiserver_request_terminations_total',
    help: 'Requests that were refused to protect the server.',
    type: 'counter',
    series: () => refused.values(),
  });
  countFamily(registry, {
    name: 'apiserver_watch_events_total',
    help: 'Events sent to watchers.',
    type: 'counter',
    series: () => [...events.values()].map(({ count }) => count),
  });
  spreadFamily(registry, {
    name: 'apiserver_watch_events_sizes',
    help: 'Bytes of the events sent to watchers.',
    series: () => [...events.values()].map(({ sizes }) => sizes),
  });

  return {
    started(method) {
      const at = clock.monotonic();
      const serving = writes.has(method) ? inFlight.mutating : inFlight.readOnly;
      serving.value++;
      return (subject, { code, bytes }) => {
        serving.value--;
        const series = seriesOf(subject);
        let count = series.codes.get(code);
        if (!count) series.codes.set(code, (count = new Count({ ...series.labels, code: String(code) })));
        count.value++;
        const seconds = (clock.monotonic() - at) / 1000;
        series.seconds.observe(seconds);
        series.indicator?.observe(seconds);
        if (bytes !== undefined) series.sizes?.observe(bytes);
        if (code === 429) one(refused, { ...labelsOf(subject), code: '429' }).value++;
      };
    },
    longRunning(subject) {
      const count = one(running, labelsOf(subject));
      count.value++;
      // A stream is open, not in the works.
      inFlight.readOnly.value--;
      return {
        [Symbol.dispose]() {
          count.value--;
          inFlight.readOnly.value++;
        },
      };
    },
    watchEvents({ group, version, plural }) {
      const id = `${group}/${version}/${plural}`;
      let known = events.get(id);
      if (!known) {
        const labels = { group, version, resource: plural };
        known = { count: new Count(labels), sizes: new Spread(labels, eventSizes) };
        events.set(id, known);
      }
      const { count, sizes } = known;
      return {
        sent(bytes) {
          count.value++;
          sizes.observe(bytes);
        },
      };
    },
  };
}

const idOf = ({ verb, group, version, resource, subresource, scope, dryRun }: Subject): string =>
  `${verb} ${group}/${version}/${resource}/${subresource} ${scope}${dryRun ? ' dry' : ''}`;

const labelsOf = ({ verb, group, version, resource, subresource, scope }: Subject): Labels => ({
  verb,
  group,
  version,
  resource,
  subresource,
  scope,
  component: 'apiserver',
});

function one(counts: Map<string, Count>, labels: Labels): Count {
  const id = Object.values(labels).join(' ');
  let count = counts.get(id);
  if (!count) counts.set(id, (count = new Count(labels)));
  return count;
}
