/**
 * What `kubectl get componentstatuses` shows: whether the scheduler, the controllers and the store are well. Nothing of it is stored; each part
 * is asked when a client asks. A part that runs elsewhere and has not told this server how to ask is Unknown, not well.
 */
import { notFound } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { encode, entryOf, type Entry } from '../watch/entry.ts';
import { nameOf, type Resource } from './resource.ts';

/** Answers what is wrong with a part of the control plane; undefined when it is well. */
export type ComponentCheck = () => string | undefined;

/** The parts that upstream names, in this order. */
const known = ['scheduler', 'controller-manager', 'etcd-0'];

/** One part. Throws NotFound. */
export function componentEntry(resource: Resource, checks: ReadonlyMap<string, ComponentCheck>, name: string): Entry {
  if (!known.includes(name)) throw notFound(nameOf(resource.kind), name);
  const check = checks.get(name);
  const wrong = check?.();
  const condition =
    check === undefined
      ? { type: 'Healthy', status: 'Unknown', error: 'it does not run with this API server' }
      : wrong === undefined
        ? { type: 'Healthy', status: 'True', message: 'ok' }
        : { type: 'Healthy', status: 'False', message: wrong, error: wrong };
  const { kind, cache } = resource;
  const object = { metadata: { name }, conditions: [condition] } as unknown as AnyObject;
  return entryOf(kind, {
    key: cache.key(undefined, name),
    value: encode(kind, object),
    modRevision: cache.revision,
    createRevision: cache.revision,
  });
}

/** All parts. Selectors are not looked at, as upstream does. */
export const componentEntries = (resource: Resource, checks: ReadonlyMap<string, ComponentCheck>): readonly Entry[] =>
  known.map((name) => componentEntry(resource, checks, name));
