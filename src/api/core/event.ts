/**
 * Event (core/v1): something that happened to an object. events.k8s.io/v1 shows the same stored objects.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { objectReference } from './references.ts';
import { eventColumns, type EventView } from './event-columns.ts';
import { eventCauses } from './event-validation.ts';

export const eventSource = struct(
  'core.v1.EventSource',
  {
    component: s.string(1).optional().doc('Name of the component.'),
    host: s.string(2).optional().doc('Node on which it runs.'),
  },
  { doc: 'Who reports an event.' },
);
export interface EventSource extends Of<typeof eventSource> {}

export const eventSeries = struct(
  'core.v1.EventSeries',
  {
    count: s.int32(1).optional().doc('How often it happened.'),
    lastObservedTime: s.microTime(2).optional().doc('When it last happened.'),
  },
  { doc: 'An event that keeps happening.' },
);
export interface EventSeries extends Of<typeof eventSeries> {}

const viewOf = (event: AnyObject): EventView => {
  const { involvedObject: object, ...rest } = event as Event;
  return { object, ...rest };
};

export const Event = resource({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  scope: 'Namespaced',
  columns: eventColumns(viewOf),
  selectable: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent,
    source: ({ source, reportingComponent }) => source.component || reportingComponent,
    type: ({ type }) => type ?? '',
  },
  hooks: {
    name: 'pathSegment',
    plainFinalizers: true,
    validateCreate: (event) => [...eventCauses(event, 'reportingComponent')],
  },
  name: 'core.v1.Event',
  doc: 'Something that happened to an object, for people; kept for an hour or so.',
  fields: {
    involvedObject: s.field(2, objectReference).default({}).doc('What it happened to.'),
    reason: s.string(3).optional().doc('Why: one short CamelCase word.'),
    message: s.string(4).optional().doc('What happened, for people.'),
    source: s.field(5, eventSource).default({}).doc('Who reports it.'),
    firstTimestamp: s.time(6).optional().doc('When it happened first.'),
    lastTimestamp: s.time(7).optional().doc('When it happened last.'),
    count: s.int32(8).optional().doc('How often it happened.'),
    type: s.string(9).optional().doc('Normal or Warning.'),
    eventTime: s.microTime(10).optional().doc('When it happened.'),
    series: s.field(11, eventSeries).optional().doc('Set when it keeps happening.'),
    action: s.string(12).optional().doc('What was done or failed.'),
    related: s.field(13, objectReference).optional().doc('A second object that takes part.'),
    reportingComponent: s.string(14).default('').doc('The controller that reports it, such as kubernetes.io/kubelet.'),
    reportingInstance: s.string(15).default('').doc('Which instance of the controller.'),
  },
});
export type Event = ObjectOf<typeof Event>;
