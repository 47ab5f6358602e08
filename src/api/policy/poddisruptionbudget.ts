/**
 * PodDisruptionBudget: how many pods of a set may be evicted at once.
 */
import { invalidValue } from '#meta/causes.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { atMostAll, countOrPercent } from '../apps/workload-validation.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { conditionCauses } from '../condition-validation.ts';
import { nonNegative, type Causes } from '../field-checks.ts';

export const podDisruptionBudgetSpec = struct(
  'policy.v1.PodDisruptionBudgetSpec',
  {
    minAvailable: s
      .intOrString(1)
      .optional()
      .doc(
        'Pods that must stay healthy, as a number or a percentage; 100% forbids evictions. Excludes maxUnavailable.',
      ),
    selector: s
      .field(2, labelSelector)
      .patchStrategy('replace')
      .optional()
      .doc('The pods; an empty selector means every pod of the namespace, a missing one none.'),
    maxUnavailable: s
      .intOrString(3)
      .optional()
      .doc('Pods that may be missing, as a number or a percentage; 0 forbids evictions. Excludes minAvailable.'),
    unhealthyPodEvictionPolicy: s
      .oneOf(4, 'IfHealthyBudget', 'AlwaysAllow')
      .keepsZero()
      .optional()
      .doc('When running pods that are not ready may be evicted: IfHealthyBudget (the default), or AlwaysAllow.'),
  },
  { doc: 'How many pods must stay, or may be missing.' },
);
export interface PodDisruptionBudgetSpec extends Of<typeof podDisruptionBudgetSpec> {}

export const podDisruptionBudgetStatus = struct(
  'policy.v1.PodDisruptionBudgetStatus',
  {
    observedGeneration: s.int64(1).optional().doc('The metadata.generation that the numbers are of.'),
    disruptedPods: s
      .map(2, t.time)
      .optional()
      .doc('Pods whose eviction was allowed and is not yet seen, with the time; forgotten after a while.'),
    disruptionsAllowed: s.int32(3).keepsZero().default(0).doc('How many pods may be evicted now.'),
    currentHealthy: s.int32(4).keepsZero().default(0).doc('How many pods are healthy.'),
    desiredHealthy: s.int32(5).keepsZero().default(0).doc('How many must be healthy.'),
    expectedPods: s.int32(6).keepsZero().default(0).doc('How many pods the set should have.'),
    conditions: s
      .list(7, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail; DisruptionAllowed tells whether a pod may be evicted.'),
  },
  { doc: 'What was last seen; it may lag behind.' },
);
export interface PodDisruptionBudgetStatus extends Of<typeof podDisruptionBudgetStatus> {}

function* budgetCauses(spec: PodDisruptionBudgetSpec): Causes {
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    yield invalidValue(
      'spec',
      // As Go has it within.
      {
        MinAvailable: spec.minAvailable,
        Selector: spec.selector ?? null,
        MaxUnavailable: spec.maxUnavailable,
        UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
      },
      'minAvailable and maxUnavailable cannot be both set',
    );
  for (const key of ['minAvailable', 'maxUnavailable'] as const) {
    yield* countOrPercent(`spec.${key}`, spec[key]);
    yield* atMostAll(`spec.${key}`, spec[key]);
  }
  yield* checkLabelSelector(spec.selector, 'spec.selector');
}

function* statusCauses(status: PodDisruptionBudgetStatus): Causes {
  yield* conditionCauses('status.conditions', status.conditions);
  for (const key of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const)
    yield* nonNegative(`status.${key}`, status[key]);
}

const orNone = (value: number | string | undefined): string => (value === undefined ? 'N/A' : String(value));

export const PodDisruptionBudget = resource({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Min Available',
      type: 'string',
      description: 'Pods that must stay healthy.',
      cell: ({ spec }) => orNone(spec.minAvailable),
    },
    {
      name: 'Max Unavailable',
      type: 'string',
      description: 'Pods that may be missing.',
      cell: ({ spec }) => orNone(spec.maxUnavailable),
    },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      description: 'Pods that may be evicted now.',
      cell: ({ status }) => status.disruptionsAllowed,
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    name: 'pathSegment',
    prepareCreate: (budget) => ({
      ...budget,
      status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    }),
    validateCreate: ({ spec }) => [...budgetCauses(spec)],
    validateStatus: ({ status }) => [...statusCauses(status)],
  },
  name: 'policy.v1.PodDisruptionBudget',
  doc: 'Limits how many pods of a set are evicted at once.',
  fields: {
    spec: s.field(2, podDisruptionBudgetSpec).default({}).doc('How many pods must stay, or may be missing.'),
    status: s.field(3, podDisruptionBudgetStatus).default({}).doc('What was last seen.'),
  },
});
export type PodDisruptionBudget = ObjectOf<typeof PodDisruptionBudget>;
