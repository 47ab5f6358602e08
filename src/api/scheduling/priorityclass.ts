/**
 * PriorityClass: a name for a priority. Pods of higher priority are scheduled first, and may push others out.
 */
import { forbiddenField, immutableDetail, invalidValue } from '#meta/causes.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { preemptionCauses } from '../core/placement-validation.ts';
import type { Causes } from '../field-checks.ts';

/** Classes of users end here; above are those of the system. */
const userMax = 1_000_000_000;
const systemPrefix = 'system-';

interface ClassLike {
  readonly metadata: ObjectMeta;
  readonly value: number;
  readonly globalDefault?: boolean;
}

/** The two classes that every cluster has, and that nobody can delete. */
export const systemPriorityClasses = [
  {
    name: 'system-cluster-critical',
    value: 2 * userMax,
    description: 'For system pods that the cluster cannot do without, but that may move to another node.',
  },
  {
    name: 'system-node-critical',
    value: 2 * userMax + 1000,
    description: 'For system pods that must stay on the node they are on.',
  },
] as const;

function unknownSystemClass({ metadata: { name }, value, globalDefault = false }: ClassLike): string | undefined {
  const known = systemPriorityClasses.find((one) => one.name === name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (known.value !== value) return `value of ${name} PriorityClass must be ${known.value}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function* classCauses(one: ClassLike): Causes {
  if (one.metadata.name.startsWith(systemPrefix)) {
    const wrong = unknownSystemClass(one);
    if (wrong !== undefined)
      yield forbiddenField(
        'metadata.name',
        `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${wrong}`,
      );
  } else if (one.value > userMax)
    yield forbiddenField('value', `maximum allowed value of a user defined priority is ${userMax}`);
}

export const PriorityClass = resource({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  scope: 'Cluster',
  columns: [
    nameColumn,
    { name: 'Value', type: 'integer', description: 'The priority.', cell: ({ value }) => value },
    {
      name: 'Global-Default',
      type: 'boolean',
      description: 'Whether pods without a class get it.',
      cell: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn,
    {
      name: 'PreemptionPolicy',
      type: 'string',
      description: 'Whether its pods push others out.',
      cell: ({ preemptionPolicy }) => preemptionPolicy,
    },
  ],
  hooks: {
    prepareCreate: (one) => ({ ...one, metadata: { ...one.metadata, generation: 1 } }),
    validateCreate: (one) => [
      // What cannot change is judged of a new one only.
      ...(one.metadata.resourceVersion
        ? []
        : [...classCauses(one), ...preemptionCauses('preemptionPolicy', one.preemptionPolicy)]),
    ],
    validateUpdate: (now, old) => [
      ...(now.value === old.value ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
      ...(now.preemptionPolicy === old.preemptionPolicy
        ? []
        : [invalidValue('preemptionPolicy', now.preemptionPolicy, immutableDetail)]),
    ],
  },
  name: 'scheduling.v1.PriorityClass',
  doc: 'Names a priority, so that pods can refer to it.',
  fields: {
    value: s
      .int32(2)
      .keepsZero()
      .default(0)
      .doc('The priority that pods of the class get: higher is more important. Cannot be changed.'),
    globalDefault: s
      .boolean(3)
      .optional()
      .doc('Whether pods without a class get this one. Only one class can be so; of several the lowest value counts.'),
    description: s.string(4).optional().doc('What the class is for.'),
    preemptionPolicy: s
      .oneOf(5, 'PreemptLowerPriority', 'Never')
      .ruled()
      .keepsZero()
      .default('PreemptLowerPriority')
      .doc('Whether waiting pods of the class push out pods of lower priority, or Never. Cannot be changed.'),
  },
});
export type PriorityClass = ObjectOf<typeof PriorityClass>;
