/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { localObjectReference, objectReference } from './references.ts';

export const ServiceAccount = resource({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  scope: 'Namespaced',
  subresources: {
    other: { token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] } },
  },
  name: 'core.v1.ServiceAccount',
  doc: '',
  fields: {
    secrets: s
      .list(2, objectReference, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .optional()
      .doc(''),
    imagePullSecrets: s.list(3, localObjectReference).optional().doc(''),
    automountServiceAccountToken: s.boolean(4).optional().doc(''),
  },
});
export type ServiceAccount = ObjectOf<typeof ServiceAccount>;
