/**
 * What a cluster has come to, without names, times and places that chance decides: the same story must come to the same picture with faults as without. Events, leases and
 * what nodes say of themselves are no part of it.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { deepEqual } from '#base/deep-equal.ts';

/** Chance or the clock decides these, or how often something had to be tried. */
const accidental = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'managedFields',
  'generation',
  'observedGeneration',
  'lastTransitionTime',
  'lastUpdateTime',
  'lastHeartbeatTime',
  'lastProbeTime',
  'startTime',
  'startedAt',
  'finishedAt',
  'completionTime',
  'containerID',
  'hostIP',
  'hostIPs',
  'nodeName',
  'nodePort',
  'disruptedPods',
  'endpoints.kubernetes.io/last-change-trigger-time',
]);
const suffix = /-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g;
const uid = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
const address = /\b\d+\.\d+\.\d+\.\d+\b/g;
const left = ['/registry/events/', '/registry/leases/', '/registry/minions/'];

/** One text an object, in order. */
export function pictureOf(standing: ReadonlyMap<string, AnyObject>): readonly string[] {
  return [...standing]
    .filter(([key]) => !left.some((prefix) => key.startsWith(prefix)))
    .map(([key, object]) => `${plain(key)} ${JSON.stringify(essence(object))}`)
    .toSorted();
}

/** What only one of two pictures shows: at most a few lines. */
export function differenceOf(found: readonly string[], expected: readonly string[]): readonly string[] {
  if (deepEqual(found, expected)) return [];
  const only = (some: readonly string[], others: readonly string[]): readonly string[] => {
    const counts = new Map<string, number>();
    for (const each of others) counts.set(each, (counts.get(each) ?? 0) + 1);
    return some.filter((each) => {
      const count = counts.get(each) ?? 0;
      counts.set(each, count - 1);
      return count <= 0;
    });
  };
  return [
    ...only(found, expected).map((each) => `with faults:    ${each}`),
    ...only(expected, found).map((each) => `without faults: ${each}`),
  ].slice(0, 6);
}

const plain = (text: string): string =>
  text.replaceAll(uid, '<uid>').replaceAll(suffix, '-*').replaceAll(address, '<address>');

function essence(value: unknown): unknown {
  if (typeof value === 'string') return plain(value);
  if (Array.isArray(value)) {
    const texts = value.map((each) => JSON.stringify(essence(each)));
    return texts.toSorted();
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !accidental.has(key))
      .map(([key, each]): [string, unknown] => [plain(key), key === 'deletionTimestamp' ? 'set' : essence(each)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
