/**
 * Rules of events, judged by what is stored: the old form is lenient, an event with an eventTime must be complete, and one that comes through events.k8s.io
 * must be all of the new form and changes no more. Wording is upstream's (pkg/apis/core/validation/events.go): it calls the fields as core/v1 does.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { internalValue } from '#schema/go-internal.ts';
import type { AnyTypeData } from '#schema/type.ts';
import { named, present, type Causes } from '../field-checks.ts';
import { eventSource, type EventSource } from './event.ts';
import { objectReference, type ObjectReference } from './references.ts';

interface EventLike {
  readonly metadata: ObjectMeta;
  readonly involvedObject: ObjectReference;
  readonly related?: ObjectReference;
  readonly source: EventSource;
  readonly reason?: string;
  readonly message?: string;
  readonly type?: string;
  readonly action?: string;
  readonly count?: number;
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
  readonly eventTime?: string;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

const wordBytesMax = 128;
const messageBytesMax = 1024;

function* word(path: string, value: string | undefined, bytesMax = wordBytesMax): Causes {
  if (Buffer.byteLength(value ?? '') > bytesMax)
    yield invalidValue(path, '', `can have at most ${bytesMax} characters`);
}

/** `controller`: how the version at hand calls who reports. */
export function* eventCauses(event: EventLike, controller: 'reportingComponent' | 'reportingController'): Causes {
  const { metadata, involvedObject, eventTime } = event;
  const [own = '', of = ''] = [metadata.namespace, involvedObject.namespace];
  const mismatch = invalidValue('involvedObject.namespace', of, 'does not match event.namespace');
  if (eventTime === undefined) {
    if (of === '' ? own !== '' && own !== 'default' : own !== of) yield mismatch;
    return;
  }
  if (of === '' && own !== 'default' && own !== 'kube-system') yield mismatch;
  yield* present(controller, event.reportingComponent);
  yield* named(labelKey, controller, event.reportingComponent);
  for (const key of ['reportingInstance', 'action', 'reason'] as const) {
    yield* present(key, event[key]);
    yield* word(key, event[key]);
  }
  yield* word('message', event.message, messageBytesMax);
}

function* seriesCauses({ series }: EventLike): Causes {
  if (series === undefined) return;
  if ((series.count ?? 0) < 2) yield invalidValue('series.count', '', 'should be at least 2');
  if (series.lastObservedTime === undefined) yield required('series.lastObservedTime');
}

/** What events.k8s.io asks of a new event beyond: nothing of the old form. */
export function* newEventCauses(event: EventLike): Causes {
  yield* seriesCauses(event);
  const { eventTime, type = '', source, count } = event;
  if (eventTime === undefined) yield required('eventTime');
  if (type !== 'Normal' && type !== 'Warning') yield invalidValue('type', '', `has invalid value: ${type}`);
  const old = {
    firstTimestamp: event.firstTimestamp,
    lastTimestamp: event.lastTimestamp,
    count: count || undefined,
    source: source.component || source.host,
  };
  for (const [key, value] of Object.entries(old)) if (value) yield invalidValue(key, '', 'needs to be unset');
}

const text = '';
const time = null;

/** What stays, as it is called and as it is told: a struct as its internal type, an absent value as this. */
const fixed: readonly (readonly [key: keyof EventLike, absent: unknown, type?: () => AnyTypeData])[] = [
  ['involvedObject', {}, () => objectReference],
  ['reason', text],
  ['message', text],
  ['source', {}, () => eventSource],
  ['firstTimestamp', time],
  ['lastTimestamp', time],
  ['count', 0],
  ['type', text],
  ['eventTime', time],
  ['action', text],
  ['related', null, () => objectReference],
  ['reportingComponent', text],
  ['reportingInstance', text],
];

/** Through events.k8s.io only the series of an event may change. */
export function* newEventUpdateCauses(event: EventLike, old: EventLike): Causes {
  if (!deepEqual(event.series, old.series)) yield* seriesCauses(event);
  for (const [key, absent, type] of fixed) {
    if (deepEqual(event[key], old[key])) continue;
    const value = event[key] ?? absent;
    const told = type === undefined || value === null ? value : internalValue(type(), value);
    yield invalidValue(key === 'reportingComponent' ? 'reportingController' : key, told, immutableDetail);
  }
}
