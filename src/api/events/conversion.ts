/**
 * The two faces of an event: core/v1, which is stored, and events.k8s.io/v1. Fields are only renamed, so nothing is lost either way.
 */
import type { AnyObject } from '#meta/object-meta.ts';

/** core/v1 name → events.k8s.io/v1 name; the other fields have one name. */
const renamed = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
  reportingComponent: 'reportingController',
} as const;
const restored = Object.fromEntries(Object.entries(renamed).map(([core, event]) => [event, core]));

function rename(
  object: AnyObject,
  names: Readonly<Record<string, string>>,
  apiVersion: string,
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) out[names[key] ?? key] = key === 'apiVersion' ? apiVersion : value;
  return out;
}

export function fromCore(object: AnyObject): AnyObject {
  return rename(object, renamed, 'events.k8s.io/v1') as unknown as AnyObject;
}

export function toCore(object: AnyObject): AnyObject {
  const core = rename(object, restored, 'v1');
  core['involvedObject'] ??= {};
  core['source'] ??= {};
  core['reportingComponent'] ??= '';
  core['reportingInstance'] ??= '';
  return core as unknown as AnyObject;
}
