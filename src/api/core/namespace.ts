/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';

export const namespaceSpec = struct('core.v1.NamespaceSpec', {
  finalizers: s.list(1, t.string).filled().doc(''),
});
export interface NamespaceSpec extends Of<typeof namespaceSpec> {}

export const namespaceCondition = struct('core.v1.NamespaceCondition', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastTransitionTime: s.time(4).optional().doc(''),
  reason: s.string(5).optional().doc(''),
  message: s.string(6).optional().doc(''),
});
export interface NamespaceCondition extends Of<typeof namespaceCondition> {}

export const namespaceStatus = struct('core.v1.NamespaceStatus', {
  phase: s.oneOf(1, 'Active', 'Terminating').default('Active').doc(''),
  conditions: s
    .list(2, namespaceCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
});
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
  name: 'core.v1.Namespace',
  doc: '',
  fields: {
    spec: s.field(2, namespaceSpec).default({}).doc(''),
    status: s.field(3, namespaceStatus).default({}).doc(''),
  },
});
export type Namespace = ObjectOf<typeof Namespace>;
