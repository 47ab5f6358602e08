/** What `kubectl get events` shows, for both faces of an event; texts are those of upstream's printEvent. */
import type { AnyObject } from '#meta/object-meta.ts';
import { since } from '../columns.ts';

/** An event as the columns read it, whichever version it is served in. */
export interface EventView {
  readonly lastTimestamp?: string | undefined;
  readonly firstTimestamp?: string | undefined;
  readonly eventTime?: string | undefined;
  readonly series?: { readonly count?: number | undefined; readonly lastObservedTime?: string | undefined } | undefined;
  readonly count?: number | undefined;
  readonly type?: string | undefined;
  readonly reason?: string | undefined;
  readonly object: {
    readonly kind?: string | undefined;
    readonly name?: string | undefined;
    readonly fieldPath?: string | undefined;
  };
  readonly source: { readonly component?: string | undefined; readonly host?: string | undefined };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
  readonly message?: string | undefined;
}

function firstSeen(event: EventView, now: number): string {
  return since(event.firstTimestamp ?? event.eventTime, now);
}

function lastSeen(event: EventView, now: number): string {
  if (event.series?.lastObservedTime !== undefined) return since(event.series.lastObservedTime, now);
  return event.lastTimestamp === undefined ? firstSeen(event, now) : since(event.lastTimestamp, now);
}

function source(event: EventView): string {
  const component = event.source.component || event.reportingComponent;
  const host = event.source.host || event.reportingInstance;
  return host ? `${component}, ${host}` : component;
}

/** The columns of an event kind whose objects `view` reads. */
export function eventColumns<E extends AnyObject>(view: (event: E) => EventView) {
  return [
    {
      name: 'Last Seen',
      type: 'string',
      description: 'Time since it last happened.',
      cell: (event: E, { now }: { now: number }) => lastSeen(view(event), now),
    },
    { name: 'Type', type: 'string', description: 'Normal or Warning.', cell: (event: E) => view(event).type ?? '' },
    {
      name: 'Reason',
      type: 'string',
      description: 'Why it happened, in one word.',
      cell: (event: E) => view(event).reason ?? '',
    },
    {
      name: 'Object',
      type: 'string',
      description: 'What it happened to.',
      cell: (event: E) => `${(view(event).object.kind ?? '').toLowerCase()}/${view(event).object.name ?? ''}`,
    },
    {
      name: 'Subobject',
      type: 'string',
      priority: 1,
      description: 'The part of the object.',
      cell: (event: E) => view(event).object.fieldPath ?? '',
    },
    {
      name: 'Source',
      type: 'string',
      priority: 1,
      description: 'Who reports it.',
      cell: (event: E) => source(view(event)),
    },
    {
      name: 'Message',
      type: 'string',
      description: 'What happened.',
      cell: (event: E) => (view(event).message ?? '').trim(),
    },
    {
      name: 'First Seen',
      type: 'string',
      priority: 1,
      description: 'Time since it first happened.',
      cell: (event: E, { now }: { now: number }) => firstSeen(view(event), now),
    },
    {
      name: 'Count',
      type: 'string',
      priority: 1,
      description: 'How often it happened.',
      cell: (event: E) => String(view(event).series?.count ?? (view(event).count || 1)),
    },
    {
      name: 'Name',
      type: 'string',
      priority: 1,
      format: 'name',
      description: 'Name of the event.',
      cell: (event: E) => event.metadata.name,
    },
  ] as const;
}
