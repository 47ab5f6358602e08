/**
 * RuntimeClass: a way to run containers, such as a sandbox, and what it costs.
 */
import { duplicate, invalidValue } from '#meta/causes.ts';
import { dns1123Label, shortName } from '#meta/names.ts';
import { checkLabels } from '#meta/selector.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { tolerationCauses } from '../core/placement-validation.ts';
import { oldLabels } from '../core/pod-warnings.ts';
import { resourceCauses } from '../core/resource-validation.ts';
import { toleration } from '../core/tolerations.ts';
import { indexed, named, type Causes } from '../field-checks.ts';

export const overhead = struct(
  'node.v1.Overhead',
  { podFixed: s.map(1, t.quantity).optional().doc('What every pod costs beside its containers.') },
  { doc: 'What the way of running costs.' },
);

export const scheduling = struct(
  'node.v1.Scheduling',
  {
    nodeSelector: s
      .map(1, t.string, { atomic: true })
      .optional()
      .doc("Labels of the nodes that know the handler; added to the pod's own, and a pod that contradicts is refused."),
    tolerations: s.list(2, toleration).optional().doc("Tolerations that are added to the pod's own."),
  },
  { doc: 'Where pods of the class can run.' },
);
export interface Scheduling extends Of<typeof scheduling> {}

function* schedulingCauses({ nodeSelector, tolerations }: Scheduling): Causes {
  yield* checkLabels(nodeSelector ?? {}, 'scheduling.nodeSelector');
  yield* tolerationCauses('scheduling.tolerations', tolerations);
  const seen = new Set<string>();
  for (const [one, at] of indexed('scheduling.tolerations', tolerations)) {
    const key = JSON.stringify([one.key, one.operator, one.value, one.effect]);
    // Upstream prints its own type.
    if (seen.has(key))
      yield duplicate(at, {
        Key: one.key ?? '',
        Operator: one.operator ?? '',
        Value: one.value ?? '',
        Effect: one.effect ?? '',
        TolerationSeconds: one.tolerationSeconds ?? null,
      });
    seen.add(key);
  }
}

export const RuntimeClass = resource({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
  columns: [
    nameColumn,
    { name: 'Handler', type: 'string', description: 'How the runtime calls it.', cell: ({ handler }) => handler },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    validateCreate: (one) => [
      ...resourceCauses('overhead', one.overhead?.podFixed && { limits: one.overhead.podFixed }, {
        level: 'container',
        claims: new Set(),
      }),
      ...(one.scheduling === undefined ? [] : schedulingCauses(one.scheduling)),
    ],
    // What is declared of a value that may not change is not told, but what upstream checks by hand.
    validateUpdate: ({ handler }, old) =>
      handler === old.handler ? [] : [...named(dns1123Label, 'handler', handler || undefined)],
    warnings: (one) =>
      Object.keys(one.scheduling?.nodeSelector ?? {}).flatMap((key) => {
        const old = oldLabels[key];
        return old === undefined ? [] : [`scheduling.nodeSelector: ${key} is ${old}`];
      }),
  },
  name: 'node.v1.RuntimeClass',
  doc: 'A way to run containers; pods choose it by name with runtimeClassName.',
  fields: {
    handler: s
      .string(2)
      .immutable('null')
      .rule((name, path) => shortName(name).map((message) => invalidValue(path, name, message)))
      .doc("Name of the configuration in the node's container runtime; the same on every node. Cannot be changed."),
    overhead: s.field(3, overhead).optional().doc('What a pod costs beside its containers.'),
    scheduling: s.field(4, scheduling).optional().doc('Where pods of the class can run; on every node when absent.'),
  },
});
export type RuntimeClass = ObjectOf<typeof RuntimeClass>;
