/**
 * ServiceAccount: an identity for programs in pods. Tokens come from its token subresource.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { localObjectReference, objectReference, type ObjectReference } from './references.ts';
import { ageColumn, nameColumn } from '../columns.ts';

/** Of a reference to a secret only its name is kept: it is in the same namespace and may be made anew. */
function onlyNames<A extends { readonly secrets?: readonly ObjectReference[] }>(account: A): A {
  return account.secrets === undefined
    ? account
    : { ...account, secrets: account.secrets.map(({ name }) => (name === undefined ? {} : { name })) };
}

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
  columns: [nameColumn, ageColumn],
  hooks: {
    prepareCreate: (account) => onlyNames(account),
    prepareUpdate: (account) => onlyNames(account),
  },
  name: 'core.v1.ServiceAccount',
  doc: 'An identity for programs that run in pods.',
  fields: {
    secrets: s
      .list(2, objectReference, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('Secrets that pods of this account may use. Old: tokens are not stored in Secrets any more.'),
    imagePullSecrets: s
      .list(3, localObjectReference)
      .optional()
      .doc('Credentials added to pods of this account for pulling images.'),
    automountServiceAccountToken: s
      .boolean(4)
      .keepsZero()
      .optional()
      .doc('Whether pods get a token mounted; a pod can decide for itself.'),
  },
});
export type ServiceAccount = ObjectOf<typeof ServiceAccount>;
