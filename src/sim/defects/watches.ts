/** Defects of the server's watches: events that are lost, doubled, late or wrong. */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { Defect } from '../cluster.ts';
import type { Body, Events, KnownDefect } from './parts.ts';

/** Every watch of the controllers, as `change` shows it. */
const watchWith = (change: (events: Events) => Events): Defect => ({
  server: (client, name) =>
    name === 'controller-manager'
      ? { ...client, watch: (kind, options) => change(client.watch(kind, options) as Events) as never }
      : client,
});

export const watchDefects: readonly KnownDefect[] = [
  {
    name: 'a watch starts one event late',
    defect: watchWith(async function* (events) {
      let first = true;
      for await (const event of events) {
        if (!first || event.type === 'BOOKMARK') yield event;
        if (event.type !== 'BOOKMARK') first = false;
      }
    }),
  },
  {
    name: 'a watch leaves events out',
    defect: watchWith(async function* (events) {
      let count = 0;
      for await (const event of events) if (event.type === 'BOOKMARK' || ++count % 7 !== 0) yield event;
    }),
  },
  {
    name: 'an event is delivered twice',
    defect: watchWith(async function* (events) {
      let count = 0;
      for await (const event of events) {
        yield event;
        if (event.type !== 'BOOKMARK' && ++count % 7 === 0) yield event;
      }
    }),
  },
  {
    name: 'two events change places',
    defect: watchWith(async function* (events) {
      let held: WatchEvent<AnyObject> | undefined;
      for await (const event of events) {
        if (held) {
          yield event;
          yield held;
          held = undefined;
        } else if (event.type === 'MODIFIED') held = event;
        else yield event;
      }
    }),
  },
  {
    name: 'no bookmarks come',
    defect: watchWith(async function* (events) {
      for await (const event of events) if (event.type !== 'BOOKMARK') yield event;
    }),
  },
  {
    name: 'a bookmark promises what is yet to come',
    defect: watchWith(async function* (events) {
      for await (const event of events)
        yield event.type === 'BOOKMARK'
          ? { type: 'BOOKMARK', object: { metadata: { resourceVersion: '900000' } } }
          : event;
    }),
  },
  {
    name: 'an event carries half of what was written',
    defect: watchWith(async function* (events) {
      for await (const event of events) {
        if (event.type !== 'MODIFIED') yield event;
        else {
          const { status: _lost, ...object } = event.object as Body;
          yield { type: 'MODIFIED', object: object as unknown as AnyObject };
        }
      }
    }),
  },
  {
    name: 'a creation is shown as a change',
    defect: watchWith(async function* (events) {
      for await (const event of events) yield event.type === 'ADDED' ? { ...event, type: 'MODIFIED' } : event;
    }),
  },
];
