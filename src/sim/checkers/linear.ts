/**
 * Objects are linearizable: every answer is what was true at some moment between the question and the answer, and an acknowledged write is one that the store has, on top
 * of what its writer knew.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { isApiError } from '#meta/status.ts';
import type { Asked, Call } from '../observe.ts';
import type { Versions } from './versions.ts';

/** Who writes what at once, as far as that can be known: what became of a write that nobody answered may show later. */
export function overlaps(): (asked: Asked) => (outcome: Call['outcome']) => boolean {
  const running = new Map<string, Set<{ alone: boolean }>>();
  const doubtful = new Set<string>();
  return ({ verb, kind, name = '', body, options }) => {
    const namespace = options.namespace ?? (body as Partial<AnyObject> | undefined)?.metadata?.namespace;
    const key = `${kind.storagePrefix}/${namespace}/${name}`;
    if (verb === 'get' || verb === 'list') return () => false;
    const all = running.get(key) ?? new Set();
    running.set(key, all);
    const mine = { alone: all.size === 0 };
    for (const other of all) other.alone = false;
    all.add(mine);
    return (outcome) => {
      all.delete(mine);
      if (!outcome.ok && (!isApiError(outcome.error) || isApiError(outcome.error, 'ServiceUnavailable')))
        doubtful.add(key);
      return mine.alone && !doubtful.has(key);
    };
  };
}

export function linearObjects(versions: Versions, breach: (text: string) => void): (call: Call) => void {
  const keyOf = ({ kind, options }: Call, name: string, namespace = options.namespace): string =>
    `/registry/${kind.storagePrefix}/${kind.scope === 'Namespaced' ? `${namespace}/` : ''}${name}`;
  /** How old an answer may be: no older than the question, or than what was asked for. */
  const oldest = ({ since, options: { resourceVersion } }: Call): number =>
    resourceVersion ? Number(resourceVersion) : since;
  const revisionOf = (value: unknown): number =>
    Number((value as Partial<AnyObject> | undefined)?.metadata?.resourceVersion);

  /** The version of this revision is, at some moment of the call, the one that stands. */
  const stood = (key: string, revision: number, call: Call): boolean => {
    const [since, until] = [oldest(call), call.until];
    const all = versions.of(key);
    const index = all.findIndex((version) => version.revision === revision && version.object);
    const next = all[index + 1];
    return index >= 0 && revision <= until && (next === undefined || next.revision > since);
  };
  const tell = (call: Call, key: string): string =>
    `${call.by}: ${call.verb}${call.options.subresource ? `/${call.options.subresource}` : ''} ${key} between ${call.since} and ${call.until}`;

  function read(call: Call): void {
    const { name = '', until, outcome } = call;
    const since = oldest(call);
    const key = keyOf(call, name);
    if (outcome.ok) {
      const revision = revisionOf(outcome.value);
      if (revision > 0 && !stood(key, revision, call))
        breach(`${tell(call, key)} was answered with ${revision}, which did not stand then`);
    } else if (isApiError(outcome.error, 'NotFound') && !call.options.subresource) {
      const gone = versions.of(key).some(({ revision, object }) => !object && revision > since && revision <= until);
      if (versions.at(key, since) && !gone) breach(`${tell(call, key)} found nothing, though it stood there`);
    }
  }

  function list(call: Call): void {
    const { kind, options, until, outcome } = call;
    const since = oldest(call);
    if (!outcome.ok || options.continue !== undefined) return;
    const { metadata, items } = outcome.value as {
      metadata: { resourceVersion?: string; continue?: string };
      items: readonly AnyObject[];
    };
    const revision = Number(metadata.resourceVersion);
    const prefix = `/registry/${kind.storagePrefix}/${options.namespace === undefined ? '' : `${options.namespace}/`}`;
    if (!(revision > 0) || versions.changes(`/registry/${kind.storagePrefix}`).length === 0) return;
    if (revision < since || revision > until)
      breach(`${tell(call, prefix)} was answered with the state of ${revision}`);
    if (metadata.continue || options.labelSelector !== undefined || options.fieldSelector !== undefined) return;
    const stands = versions.keys(prefix).flatMap((key) => {
      const object = versions.at(key, revision);
      return object ? [`${key} ${versions.of(key).findLast((each) => each.revision <= revision)?.revision}`] : [];
    });
    const shown = items.map(
      (item) => `${keyOf(call, item.metadata.name, item.metadata.namespace)} ${item.metadata.resourceVersion}`,
    );
    const [standing, showing] = [new Set(stands), new Set(shown)];
    const missing = stands.find((each) => !showing.has(each));
    const strange = shown.find((each) => !standing.has(each));
    if (missing !== undefined || strange !== undefined)
      breach(
        `${tell(call, prefix)} at ${revision}: ${missing ?? 'nothing'} is missing, ${strange ?? 'nothing'} should not be there`,
      );
  }

  function write(call: Call): void {
    const { verb, options, since, outcome, body } = call;
    if (options.dryRun) return;
    if (!outcome.ok) return verb === 'update' ? refused(call, outcome.error) : undefined;
    const object = outcome.value as AnyObject;
    const revision = revisionOf(object);
    if (!(revision > 0)) return;
    const key = keyOf(call, object.metadata.name, object.metadata.namespace);
    const all = versions.of(key);
    const index = all.findIndex((version) => version.revision === revision);
    // A write that ended a deletion answers with what it would have written.
    if (index < 0 && object.metadata.deletionTimestamp !== undefined) return;
    if (index < 0) return breach(`${tell(call, key)} was acknowledged at ${revision}, which the store has never seen`);
    if (revision <= since) {
      if (!stood(key, revision, call))
        breach(`${tell(call, key)} changed nothing, at ${revision}, which did not stand`);
      return;
    }
    const before = all[index - 1];
    if (verb === 'create' && !options.subresource && before?.object)
      breach(`${tell(call, key)} was acknowledged though ${before.revision} stood there`);
    const expected = verb === 'update' ? revisionOf(body) : Number.NaN;
    if (expected > 0 && before && before.revision !== expected)
      breach(`${tell(call, key)} rested on ${expected} and overwrote ${before.revision}`);
    if (options.subresource === 'status' && before?.object && all[index]?.object) {
      const [old, now] = [before.object, all[index]?.object] as unknown as { spec?: unknown }[];
      if (JSON.stringify(old?.spec) !== JSON.stringify(now?.spec))
        breach(`${tell(call, key)} changed the spec at ${revision}`);
    }
  }

  /** Nobody is refused for what was his own doing, though its answer was lost on the way from the store. */
  function refused(call: Call, error: unknown): void {
    const { body, name = '', since, until, options, alone } = call;
    if (!alone || !isApiError(error, 'Conflict') || !/has been modified/.test(error.message)) return;
    const key = keyOf(call, name, options.namespace ?? (body as AnyObject).metadata.namespace);
    const present = versions.of(key).findLast(({ revision }) => revision <= since);
    const changes = versions.of(key).filter(({ revision }) => revision > since && revision <= until);
    const [own] = changes;
    if (present?.revision !== revisionOf(body) || changes.length !== 1 || !own?.object) return;
    if (essence(own.object) === essence(body as AnyObject))
      breach(`${tell(call, key)} was refused for a conflict with ${own.revision}, which it wrote itself`);
  }

  function remove(call: Call): void {
    const { name = '', outcome, options, since, until } = call;
    if (!outcome.ok || options.dryRun || options.subresource) return;
    const key = keyOf(call, name);
    const [before, after] = [versions.at(key, since), versions.at(key, until)];
    if (before && after?.metadata.uid === before.metadata.uid && after.metadata.deletionTimestamp === undefined)
      breach(`${tell(call, key)} was acknowledged, and it stands as before`);
  }

  return (call) => {
    if (call.verb === 'get') read(call);
    else if (call.verb === 'list') list(call);
    else if (call.verb === 'delete') remove(call);
    else write(call);
  };
}

/** What its writer has to say. */
function essence({ metadata, ...rest }: AnyObject): string {
  const { data, spec, status } = rest as { data?: unknown; spec?: unknown; status?: unknown };
  return JSON.stringify([metadata.labels, metadata.annotations, data, spec, status]);
}
