/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { eventSource } from '../core/event.ts';
import { objectReference } from '../core/references.ts';

export const eventSeries = struct('events.v1.EventSeries', {
  count: s.int32(1).doc(''),
  lastObservedTime: s.microTime(2).doc(''),
});
export interface EventSeries extends Of<typeof eventSeries> {}

export const Event = resource({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  scope: 'Namespaced',
  name: 'events.v1.Event',
  doc: '',
  fields: {
    eventTime: s.microTime(2).optional().doc(''),
    series: s.field(3, eventSeries).optional().doc(''),
    reportingController: s.string(4).optional().doc(''),
    reportingInstance: s.string(5).optional().doc(''),
    action: s.string(6).optional().doc(''),
    reason: s.string(7).optional().doc(''),
    regarding: s.field(8, objectReference).optional().doc(''),
    related: s.field(9, objectReference).optional().doc(''),
    note: s.string(10).optional().doc(''),
    type: s.string(11).optional().doc(''),
    deprecatedSource: s.field(12, eventSource).optional().doc(''),
    deprecatedFirstTimestamp: s.time(13).optional().doc(''),
    deprecatedLastTimestamp: s.time(14).optional().doc(''),
    deprecatedCount: s.int32(15).optional().doc(''),
  },
});
export type Event = ObjectOf<typeof Event>;
