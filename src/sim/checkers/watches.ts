/**
 * The six guarantees of a watch: ordered, unique, reliable (nothing is left out), atomic (an event carries exactly what was written), resumable (it starts right behind
 * where it was asked to) and bookmarked (a bookmark comes when it is quiet, and never before an event that it covers).
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { Millis } from '#world/world.ts';
import type { Stream } from '../observe.ts';
import type { Written } from '../trace.ts';
import type { Versions } from './versions.ts';

/** An event that its server has known for so long has reached everybody who waits for it. */
const deliveredMs: Millis = 2_000;
/** The server tells a quiet watch its place every ten seconds. */
const bookmarkedMs: Millis = 30_000;

interface Place {
  /** Everything up to here has been shown or skipped on purpose. */
  last: number;
  /** Index of the next change of its resource; undefined before the initial state is complete. */
  next: number | undefined;
  waitingSince: Millis;
}

export interface WatchChecker {
  opened(stream: Stream): void;
  saw(stream: Stream, event: WatchEvent<AnyObject>): void;
  /** From now on it is the server's turn. */
  awaits(stream: Stream): void;
  /** What should long have come to those who wait. */
  check(): void;
}

export function watchGuarantees(
  versions: Versions,
  elapsed: () => Millis,
  breach: (text: string) => void,
): WatchChecker {
  const places = new Map<Stream, Place>();
  const verified = new WeakSet<object>();
  const resourceOf = ({ kind }: Stream): string => `/registry/${kind.storagePrefix}`;
  const scopeOf = (stream: Stream): string =>
    `${resourceOf(stream)}/${stream.options.namespace === undefined ? '' : `${stream.options.namespace}/`}`;
  const selects = ({ options }: Stream): boolean =>
    options.labelSelector !== undefined || options.fieldSelector !== undefined;
  const tell = (stream: Stream): string =>
    `${stream.by}: the watch of ${scopeOf(stream)} from ${stream.options.resourceVersion ?? 'now'}`;

  /** The next change that the stream has to show. */
  const due = (stream: Stream, place: Place): Written | undefined => {
    if (place.next === undefined) return undefined;
    const changes = versions.changes(resourceOf(stream));
    const scope = scopeOf(stream);
    while (
      changes[place.next] !== undefined &&
      ((changes[place.next] as Written).revision <= place.last ||
        !(changes[place.next] as Written).key.startsWith(scope))
    )
      place.next++;
    return changes[place.next];
  };

  function bookmark(stream: Stream, place: Place, revision: number): void {
    if (revision > versions.revision) breach(`${tell(stream)} had a bookmark ${revision}, which is yet to come`);
    if (revision < place.last) breach(`${tell(stream)} had a bookmark ${revision} after ${place.last}`);
    const missing = selects(stream) ? undefined : due(stream, place);
    if (missing && missing.revision <= revision)
      breach(`${tell(stream)} had a bookmark ${revision} and never ${missing.key} at ${missing.revision}`);
    place.last = Math.max(place.last, revision);
    place.next ??= 0;
  }

  function event(stream: Stream, place: Place, { type, object }: { type: string; object: AnyObject }): void {
    const revision = Number(object.metadata.resourceVersion);
    if (revision <= place.last && !isSecondOf(stream, place, object))
      breach(`${tell(stream)} went back from ${place.last} to ${revision}`);
    if (selects(stream)) {
      place.last = Math.max(place.last, revision);
      return;
    }
    const expected = due(stream, place);
    if (!expected) breach(`${tell(stream)} showed ${object.metadata.name} at ${revision}, which nobody wrote`);
    else if (expected.revision !== revision)
      breach(`${tell(stream)} showed ${revision} after ${place.last}, and ${expected.revision} was left out`);
    else exact(stream, expected, type, object);
    place.last = Math.max(place.last, revision);
  }

  /** One transaction may change two objects of a kind. */
  const isSecondOf = (stream: Stream, place: Place, { metadata }: AnyObject): boolean => {
    const same = versions.changes(resourceOf(stream)).filter(({ revision }) => revision === place.last);
    return same.length > 1 && same.some(({ key }) => key.endsWith(`/${metadata.name}`));
  };

  function exact(stream: Stream, { before, after, key, revision }: Written, type: string, object: AnyObject): void {
    const wanted = after ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED';
    if (type !== wanted) breach(`${tell(stream)} called ${key} at ${revision} ${type} and not ${wanted}`);
    if (verified.has(object)) return;
    verified.add(object);
    const written = (after ?? before) as AnyObject;
    const essence = ({ metadata, ...rest }: AnyObject): string => {
      const { spec, status, data } = rest as { spec?: unknown; status?: unknown; data?: unknown };
      return JSON.stringify([metadata.uid, metadata.name, metadata.deletionTimestamp, spec, status, data]);
    };
    if (essence(object) !== essence(written))
      breach(`${tell(stream)} showed ${key} at ${revision} otherwise than it was written`);
  }

  return {
    opened(stream) {
      const { resourceVersion, sendInitialEvents } = stream.options;
      const resumes = Number(resourceVersion) > 0 && !sendInitialEvents;
      places.set(stream, {
        last: resumes ? Number(resourceVersion) : 0,
        next: resumes ? 0 : undefined,
        waitingSince: elapsed(),
      });
    },
    saw(stream, seen) {
      const place = places.get(stream);
      if (!place || seen.type === 'ERROR') return;
      place.waitingSince = elapsed();
      if (seen.type === 'BOOKMARK') bookmark(stream, place, Number(seen.object.metadata.resourceVersion));
      else if (place.next !== undefined) event(stream, place, seen);
    },
    awaits(stream) {
      const place = places.get(stream);
      if (place) place.waitingSince = elapsed();
    },
    check() {
      for (const [stream, place] of places) {
        if (stream.ended) places.delete(stream);
        if (stream.ended || !stream.waiting || selects(stream)) continue;
        const now = elapsed();
        const missing = due(stream, place);
        const revisionAt = stream.revisionAt ?? versions.revisionAt;
        const isLate = missing !== undefined && missing.revision <= revisionAt(now - deliveredMs);
        if (missing && isLate && now - place.waitingSince > deliveredMs)
          breach(`${tell(stream)} was never shown ${missing.key} at ${missing.revision}`);
        const long = now - place.waitingSince > bookmarkedMs && place.next !== undefined;
        if (stream.options.bookmarks && long && revisionAt(now - bookmarkedMs) > place.last)
          breach(`${tell(stream)} stands at ${place.last} and has had no bookmark for ${bookmarkedMs} ms`);
      }
    },
  };
}
