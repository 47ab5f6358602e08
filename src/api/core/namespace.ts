/**
 * Namespace: a room for names. It goes when its finalizers are gone, which the namespace controller sees to.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { finalizerCauses, phaseCauses } from './namespace-validation.ts';

/** Every namespace carries its name as a label, so that selectors can name it. */
const labelled = (metadata: ObjectMeta): ObjectMeta => ({
  ...metadata,
  labels: { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name },
});

export const namespaceSpec = struct(
  'core.v1.NamespaceSpec',
  {
    finalizers: s.list(1, t.string).filled().doc('Who must still clean up before the namespace goes.'),
  },
  { doc: 'Settings of a namespace.' },
);
export interface NamespaceSpec extends Of<typeof namespaceSpec> {}

export const namespaceCondition = struct(
  'core.v1.NamespaceCondition',
  {
    type: s.string(1).doc('What is observed.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(4).optional().doc('When the status last changed.'),
    reason: s.string(5).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(6).optional().doc('Why it changed, for people.'),
  },
  { doc: 'One aspect of a namespace that is being deleted.' },
);
export interface NamespaceCondition extends Of<typeof namespaceCondition> {}

export const namespaceStatus = struct(
  'core.v1.NamespaceStatus',
  {
    phase: s.oneOf(1, 'Active', 'Terminating').default('Active').doc('Active or Terminating.'),
    conditions: s
      .list(2, namespaceCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('What still hinders the deletion.'),
  },
  { doc: 'State of a namespace.' },
);
export interface NamespaceStatus extends Of<typeof namespaceStatus> {}

export const Namespace = resource({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  scope: 'Cluster',
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: { status: true, other: { finalize: { kind: 'Namespace', verbs: ['update'] } } },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'Active or Terminating.', cell: ({ status }) => status.phase },
    ageColumn,
  ],
  selectable: { 'status.phase': ({ status }) => status.phase, name: ({ metadata }) => metadata.name },
  hooks: {
    generation: false,
    validateCreate: ({ spec }) => spec.finalizers.flatMap((name) => [...finalizerCauses('spec.finalizers', name)]),
    validateStatus: ({ metadata, status }) => [...phaseCauses(metadata, status)],
    name: 'dns1123Label',
    fill: (draft) =>
      draft.spec?.finalizers === undefined ? { ...draft, spec: { ...draft.spec, finalizers: [] } } : draft,
    prepareCreate: (namespace) => ({
      ...namespace,
      metadata: labelled(namespace.metadata),
      spec: {
        finalizers: namespace.spec.finalizers.includes('kubernetes')
          ? namespace.spec.finalizers
          : [...namespace.spec.finalizers, 'kubernetes'],
      },
      status: { phase: 'Active' as const },
    }),
    prepareUpdate: (namespace, old) => ({
      ...namespace,
      metadata: labelled(namespace.metadata),
      spec: { ...namespace.spec, finalizers: old.spec.finalizers },
    }),
  },
  name: 'core.v1.Namespace',
  doc: 'A room for names: objects in different namespaces may have the same name.',
  fields: {
    spec: s.field(2, namespaceSpec).default({}).doc('Settings of the namespace.'),
    status: s.field(3, namespaceStatus).default({}).doc('State of the namespace.'),
  },
});
export type Namespace = ObjectOf<typeof Namespace>;
