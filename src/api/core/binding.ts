/**
 * Binding: ties a pod to a node. The body of the pod's binding subresource.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { objectReference } from './references.ts';
import { notSupported, required } from '#meta/causes.ts';

export const Binding = resource({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  scope: 'Namespaced',
  verbs: ['create'],
  hooks: {
    validateCreate: ({ target }) => [
      ...(target.kind && target.kind !== 'Node' ? [notSupported('target.kind', target.kind, ['Node', '<empty>'])] : []),
      ...(target.name ? [] : [required('target.name')]),
    ],
  },
  name: 'core.v1.Binding',
  doc: "Ties a pod to a node; sent to the pod's binding subresource.",
  fields: {
    target: s.field(2, objectReference).default({}).doc('The node.'),
  },
});
export type Binding = ObjectOf<typeof Binding>;
