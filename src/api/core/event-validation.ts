/**
 * Rules of events, judged by what is stored: the old form is lenient, an event with an eventTime must be complete. Wording is upstream's
 * (pkg/apis/core/validation/events.go).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { named, present, type Causes } from '../field-checks.ts';

interface EventLike {
  readonly metadata: ObjectMeta;
  readonly object: { readonly namespace?: string | undefined };
  readonly eventTime?: string | undefined;
  readonly series?: { readonly count?: number | undefined; readonly lastObservedTime?: string | undefined } | undefined;
  readonly controller?: string | undefined;
  readonly reportingInstance?: string | undefined;
  readonly action?: string | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly type?: string | undefined;
}

/** How the version at hand calls the fields. */
interface Names {
  readonly object: string;
  readonly controller: string;
  readonly message: string;
}

const wordMax = 128;
const messageMax = 1024;

function* word(path: string, value: string | undefined): Causes {
  yield* present(path, value);
  if (value !== undefined && value.length > wordMax)
    yield invalidValue(path, '', `can have at most ${wordMax} characters`);
}

export function* eventCauses(event: EventLike, names: Names): Causes {
  const { metadata, object, eventTime } = event;
  const [own = '', of = ''] = [metadata.namespace, object.namespace];
  const mismatch = invalidValue(`${names.object}.namespace`, of, 'does not match event.namespace');
  if (eventTime === undefined) {
    if (of === '' ? own !== '' && own !== 'default' : own !== of) yield mismatch;
    return;
  }
  if (of === '' ? own !== 'default' && own !== 'kube-system' : own !== of) yield mismatch;
  yield* present(names.controller, event.controller);
  yield* named(labelKey, names.controller, event.controller || undefined);
  yield* word('reportingInstance', event.reportingInstance);
  yield* word('action', event.action);
  yield* word('reason', event.reason);
  if (event.message !== undefined && Buffer.byteLength(event.message) > messageMax) {
    yield invalidValue(names.message, '', `can have at most ${messageMax} characters`);
  }
}

/** What events.k8s.io asks beyond: every event is a new one. */
export function* newEventCauses(event: EventLike): Causes {
  if (event.eventTime === undefined) yield required('eventTime');
  if (event.type !== 'Normal' && event.type !== 'Warning')
    yield notSupported('type', event.type ?? '', ['Normal', 'Warning']);
  if (event.series !== undefined && (event.series.count ?? 0) < 2)
    yield invalidValue('series.count', '', 'should be at least 2');
}

/** Of a new event only its series may change. */
export function* newEventUpdateCauses(
  now: Readonly<Record<string, unknown>>,
  old: Readonly<Record<string, unknown>>,
): Causes {
  for (const key of [
    'regarding',
    'reason',
    'action',
    'type',
    'note',
    'related',
    'eventTime',
    'reportingController',
    'reportingInstance',
  ]) {
    if (!deepEqual(now[key], old[key])) yield invalidValue(key, now[key], immutableDetail);
  }
}
