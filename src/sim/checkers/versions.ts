/**
 * Every version that every key has had, as the store published them: what the other checkers measure answers and watches against.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Millis } from '#world/world.ts';
import type { History, Written } from '../trace.ts';

export interface Version {
  readonly revision: number;
  /** Undefined when it was deleted. */
  readonly object: AnyObject | undefined;
}

export interface Versions {
  readonly revision: number;
  of(key: string): readonly Version[];
  /** What stood at `key` at this revision. */
  at(key: string, revision: number): AnyObject | undefined;
  /** The changes under `/registry/<resource>` in order. */
  changes(resource: string): readonly Written[];
  /** The newest revision that was written by then. */
  revisionAt(time: Millis): number;
  keys(prefix: string): readonly string[];
}

export function versionsOf(history: History): Versions {
  const versions = new Map<string, Version[]>();
  const changes = new Map<string, Written[]>();
  const times: { readonly at: Millis; readonly revision: number }[] = [];
  history.listen((change) => {
    times.push({ at: change.at, revision: change.revision });
    const version = { revision: change.revision, object: change.after };
    const known = versions.get(change.key);
    if (known) known.push(version);
    else versions.set(change.key, [version]);
    const parts = change.key.split('/');
    // `services/specs` and custom resources have a prefix of two words.
    for (const length of [3, 4]) {
      const resource = parts.slice(0, length).join('/');
      const log = changes.get(resource);
      if (log) log.push(change);
      else changes.set(resource, [change]);
    }
  });
  return {
    get revision() {
      return Math.max(1, history.revision);
    },
    of: (key) => versions.get(key) ?? [],
    at: (key, at) => versions.get(key)?.findLast((version) => version.revision <= at)?.object,
    changes: (resource) => changes.get(resource) ?? [],
    revisionAt: (time) => times.findLast(({ at }) => at <= time)?.revision ?? 0,
    keys: (prefix) => [...versions.keys()].filter((key) => key.startsWith(prefix)),
  };
}
