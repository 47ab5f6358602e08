/**
 * Event (events.k8s.io/v1): another face of the stored core Event; the conversion loses nothing.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { resource, type Kind, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { Event as CoreEvent, eventSource } from '../core/event.ts';
import { objectReference } from '../core/references.ts';
import { eventColumns, type EventView } from '../core/event-columns.ts';
import { fromCore, toCore } from './conversion.ts';
import { eventCauses, newEventCauses, newEventUpdateCauses } from '../core/event-validation.ts';

export const eventSeries = struct(
  'events.v1.EventSeries',
  {
    count: s.int32(1).ruled().doc('How often it happened.'),
    lastObservedTime: s.microTime(2).keepsZero().ruled().doc('When it last happened.'),
  },
  { doc: 'An event that keeps happening.' },
);
export interface EventSeries extends Of<typeof eventSeries> {}

const viewOf = (event: AnyObject): EventView => {
  const {
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    ...rest
  } = event as Event;
  return {
    ...rest,
    object: regarding,
    message: note,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    reportingComponent: rest.reportingController ?? '',
    reportingInstance: rest.reportingInstance ?? '',
  };
};

const coreOf = (event: AnyObject): CoreEvent => toCore(event) as CoreEvent;

export const Event = resource({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  scope: 'Namespaced',
  storedAs: { kind: () => CoreEvent as unknown as Kind, fromStored: fromCore, toStored: toCore },
  columns: eventColumns(viewOf),
  selectable: {
    'regarding.kind': ({ regarding }) => regarding.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding.name ?? '',
    'regarding.uid': ({ regarding }) => regarding.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    type: ({ type }) => type ?? '',
  },
  hooks: {
    validateCreate: (event) => [
      ...(event.metadata.resourceVersion ? [] : newEventCauses(coreOf(event))),
      ...eventCauses(coreOf(event), 'reportingController'),
    ],
    validateUpdate: (event, old) => [...newEventUpdateCauses(coreOf(event), coreOf(old))],
  },
  name: 'events.v1.Event',
  doc: 'Something that happened to an object, for people; kept for an hour or so.',
  fields: {
    eventTime: s.microTime(2).optional().doc('When it happened first; required for new events.'),
    series: s.field(3, eventSeries).optional().doc('Set when it keeps happening.'),
    reportingController: s.string(4).optional().doc('The controller that reports it, such as kubernetes.io/kubelet.'),
    reportingInstance: s.string(5).optional().doc('Which instance of the controller.'),
    action: s.string(6).optional().doc('What was done or failed.'),
    reason: s.string(7).optional().doc('Why: one short CamelCase word.'),
    regarding: s.field(8, objectReference).default({}).doc('What it happened to.'),
    related: s.field(9, objectReference).optional().doc('A second object that takes part.'),
    note: s.string(10).optional().doc('What happened, for people; at most 1024 bytes.'),
    type: s.string(11).optional().doc('Normal or Warning.'),
    deprecatedSource: s.field(12, eventSource).default({}).doc("The core Event's source."),
    deprecatedFirstTimestamp: s.time(13).optional().doc("The core Event's firstTimestamp."),
    deprecatedLastTimestamp: s.time(14).optional().doc("The core Event's lastTimestamp."),
    deprecatedCount: s.int32(15).optional().doc("The core Event's count."),
  },
});
export type Event = ObjectOf<typeof Event>;
