import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyObject } from '#meta/object-meta.ts';
import { Event as CoreEvent } from '../core/event.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { Event } from './event.ts';

const about = { kind: 'Pod', namespace: 'default', name: 'web', fieldPath: 'spec.containers{web}' };
const old = {
  metadata: { name: 'web.1' },
  involvedObject: about,
  reason: 'BackOff',
  message: 'Back-off restarting\n',
  source: { component: 'kubelet', host: 'n1' },
  firstTimestamp: '2026-11-21T05:00:00Z',
  lastTimestamp: '2026-11-21T05:04:00Z',
  count: 7,
  type: 'Warning',
} as const;
const fresh = {
  metadata: { name: 'web.2' },
  eventTime: '2026-11-21T05:00:00.000000Z',
  reportingController: 'example.com/robot',
  reportingInstance: 'robot-1',
  action: 'Waving',
  reason: 'Hello',
  regarding: about,
  note: 'hello',
  type: 'Normal',
} as const;

test('both faces of an event show the same, and nothing is lost between them', () => {
  const core = written(CoreEvent, old);
  const seen = Event.storedAs?.fromStored(core) as AnyObject;
  assert.deepEqual(Event.storedAs?.toStored(seen), core);
  assert.equal(seen.apiVersion, 'events.k8s.io/v1');
  const cells = row(CoreEvent, core);
  assert.deepEqual(cells, {
    'Last Seen': '60s',
    Type: 'Warning',
    Reason: 'BackOff',
    Object: 'pod/web',
    Subobject: 'spec.containers{web}',
    Source: 'kubelet, n1',
    Message: 'Back-off restarting',
    'First Seen': '5m',
    Count: '7',
    Name: 'web.1',
  });
  assert.deepEqual(row(Event, seen as never), cells);
});

test('a new event is complete and stays as it is', () => {
  assert.deepEqual(createCauses(Event, fresh), []);
  assert.deepEqual(createCauses(Event, { ...fresh, eventTime: undefined, type: 'Odd' }), [
    'eventTime: Required value',
    'type: Invalid value: "": has invalid value: Odd',
  ]);
  assert.deepEqual(createCauses(Event, { ...fresh, action: '', reportingController: '' }), [
    'reportingController: Required value',
    'reportingController: Invalid value: "": name part must be non-empty',
    `reportingController: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    'action: Required value',
  ]);
  assert.deepEqual(updateCauses(Event, { ...fresh, note: 'bye' }, written(Event, fresh)), [
    'message: Invalid value: "bye": field is immutable',
  ]);
});

test('a new event has nothing of the old form, and only its series may change', () => {
  const deprecated = {
    deprecatedCount: 2,
    deprecatedSource: { host: 'n1' },
    deprecatedLastTimestamp: old.lastTimestamp,
  };
  assert.deepEqual(
    createCauses(Event, { ...fresh, ...deprecated }),
    ['lastTimestamp', 'count', 'source'].map((field) => `${field}: Invalid value: "": needs to be unset`),
  );
  const before = written(Event, { ...fresh, metadata: { name: 'web.2', resourceVersion: '7' } });
  const series = { count: 3, lastObservedTime: fresh.eventTime };
  assert.deepEqual(updateCauses(Event, { ...fresh, series }, before), []);
  assert.deepEqual(updateCauses(Event, { ...fresh, series: { count: 1 } }, before), [
    'series.count: Invalid value: "": should be at least 2',
    'series.lastObservedTime: Required value',
  ]);
  assert.deepEqual(updateCauses(Event, { ...fresh, deprecatedSource: { component: 'x' } }, before), [
    'source: Invalid value: {"Component":"x","Host":""}: field is immutable',
  ]);
});

test('an event lives in the namespace of its object', () => {
  assert.deepEqual(createCauses(CoreEvent, { ...old, involvedObject: { kind: 'Pod', namespace: 'other' } }), [
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ]);
  assert.deepEqual(createCauses(CoreEvent, { ...old, involvedObject: { kind: 'Node', name: 'n1' } }), []);
});
