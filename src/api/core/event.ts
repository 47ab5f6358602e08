/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { objectReference } from './references.ts';

export const eventSource = struct('core.v1.EventSource', {
  component: s.string(1).optional().doc(''),
  host: s.string(2).optional().doc(''),
});
export interface EventSource extends Of<typeof eventSource> {}

export const eventSeries = struct('core.v1.EventSeries', {
  count: s.int32(1).optional().doc(''),
  lastObservedTime: s.microTime(2).optional().doc(''),
});
export interface EventSeries extends Of<typeof eventSeries> {}

export const Event = resource({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  scope: 'Namespaced',
  name: 'core.v1.Event',
  doc: '',
  fields: {
    involvedObject: s.field(2, objectReference).default({}).doc(''),
    reason: s.string(3).optional().doc(''),
    message: s.string(4).optional().doc(''),
    source: s.field(5, eventSource).default({}).doc(''),
    firstTimestamp: s.time(6).optional().doc(''),
    lastTimestamp: s.time(7).optional().doc(''),
    count: s.int32(8).optional().doc(''),
    type: s.string(9).optional().doc(''),
    eventTime: s.microTime(10).optional().doc(''),
    series: s.field(11, eventSeries).optional().doc(''),
    action: s.string(12).optional().doc(''),
    related: s.field(13, objectReference).optional().doc(''),
    reportingComponent: s.string(14).default('').doc(''),
    reportingInstance: s.string(15).default('').doc(''),
  },
});
export type Event = ObjectOf<typeof Event>;
