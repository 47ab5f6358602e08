/**
 * What a namespace that is being deleted tells about its end: conditions from what one round found, in upstream's words, because people and scripts read them. Pure; the
 * rounds themselves are `run.ts`. https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Namespace } from '#api/core/namespace.ts';
import type { Pod } from '#api/core/pod.ts';
import type { AnyKind } from '#client/client.ts';
import type { Millis } from '#world/world.ts';
import { withCondition } from '../conditions.ts';

type Condition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number];

/** What one round found; empty when the namespace is. */
export interface Findings {
  /** Groups and versions that could not be looked into: `metrics.k8s.io/v1beta1`. */
  readonly hidden: readonly string[];
  readonly failures: readonly string[];
  /** Objects left, by `resource.group`. */
  readonly counts: ReadonlyMap<string, number>;
  /** Finalizers that objects wait for, with how many do. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** What remains of one kind after its deletion. */
export interface Remains {
  readonly count: number;
  readonly finalizers: ReadonlyMap<string, number>;
  readonly failure?: string;
}

/** Whether these may still be there: they wait for a finalizer, or for their grace until `graceEnds`. */
export function remainsOf(kind: AnyKind, left: readonly AnyObject[], { now, graceEnds }: Deadline): Remains {
  const finalizers = new Map<string, number>();
  for (const { metadata } of left)
    for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  const expected = left.length === 0 || finalizers.size > 0 || now < graceEnds;
  const namespace = left[0]?.metadata.namespace ?? '';
  const resource = `${kind.group}/${kind.version}, Resource=${kind.plural}`;
  return {
    count: left.length,
    finalizers,
    ...(expected ? {} : { failure: `unexpected items still remain in namespace: ${namespace} for gvr: ${resource}` }),
  };
}

export interface Deadline {
  readonly now: Millis;
  readonly graceEnds: Millis;
}

/** The longest grace of these pods in ms; those that have ended need none. */
export function longestGrace(pods: readonly Pod[]): Millis {
  let seconds = 0;
  for (const { spec, status } of pods) {
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') continue;
    seconds = Math.max(seconds, Number(spec.terminationGracePeriodSeconds ?? 0));
  }
  return seconds * 1000;
}

export const isEmpty = ({ hidden, failures, counts }: Findings): boolean =>
  hidden.length === 0 && failures.length === 0 && counts.size === 0;

/** The namespace's conditions after a round; the same list when nothing new is to be told. */
export function conditionsAfter(
  before: readonly Condition[] | undefined,
  { hidden, failures, counts, finalizers }: Findings,
  at: string,
): readonly Condition[] {
  const left = [...counts].map(([id, count]) => `${id} has ${count} resource instances`).sort();
  const waiting = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).sort();
  const stale = hidden.toSorted().map((name) => `${name}: stale GroupVersion discovery: ${name}`);
  const findings: [type: string, troubled: readonly [string, string] | undefined, fine: readonly [string, string]][] = [
    [
      'NamespaceDeletionDiscoveryFailure',
      hidden.length > 0
        ? [
            'DiscoveryFailed',
            `Discovery failed for some groups, ${hidden.length} failing: unable to retrieve the complete list of server APIs: ${stale.join(', ')}`,
          ]
        : undefined,
      ['ResourcesDiscovered', 'All resources successfully discovered'],
    ],
    // Groups and versions are names of kinds here, never text that has to be parsed.
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      undefined,
      ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    ],
    [
      'NamespaceDeletionContentFailure',
      failures.length > 0
        ? [
            'ContentDeletionFailed',
            `Failed to delete all resource types, ${failures.length} remaining: ${failures.toSorted().join(', ')}`,
          ]
        : undefined,
      ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    ],
    [
      'NamespaceContentRemaining',
      left.length > 0 ? ['SomeResourcesRemain', `Some resources are remaining: ${left.join(', ')}`] : undefined,
      ['ContentRemoved', 'All content successfully removed'],
    ],
    [
      'NamespaceFinalizersRemaining',
      waiting.length > 0
        ? ['SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${waiting.join(', ')}`]
        : undefined,
      ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    ],
  ];
  let conditions: readonly Condition[] = before ?? [];
  for (const [type, troubled, fine] of findings) {
    const [reason, message] = troubled ?? fine;
    const status = troubled ? ('True' as const) : ('False' as const);
    conditions = withCondition(conditions, { type, status, reason, message, lastTransitionTime: at });
  }
  return before !== undefined && conditions === before ? before : conditions;
}
