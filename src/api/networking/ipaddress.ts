/**
 * IPAddress: one address of a ServiceCIDR that is in use, and who uses it. Its name is the address.
 */
import { invalidValue } from '#meta/causes.ts';
import { ipAddress } from '#meta/ip.ts';
import { dns1123Subdomain, pathSegment } from '#meta/names.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { nameColumn } from '../columns.ts';
import { named, type Causes } from '../field-checks.ts';

export const parentReference = struct(
  'networking.v1.ParentReference',
  {
    group: s.string(1).optional().doc('Group of the resource; empty for the core group.'),
    resource: s.string(2).doc('The resource in plural, such as services.'),
    namespace: s.string(3).optional().doc('Namespace of the object.'),
    name: s.string(4).doc('Name of the object.'),
  },
  { doc: 'The object that uses the address.' },
);
export interface ParentReference extends Of<typeof parentReference> {}

export const ipAddressSpec = struct(
  'networking.v1.IPAddressSpec',
  {
    parentRef: s
      .field(1, parentReference)
      .keepsZero()
      .immutable('null')
      .doc('The object that uses the address; cannot be changed.'),
  },
  { doc: 'Who uses the address.' },
);
export interface IpAddressSpec extends Of<typeof ipAddressSpec> {}

function* addressCauses(name: string, { parentRef }: IpAddressSpec): Causes {
  if (name) {
    for (const message of ipAddress(name, { canonicalOnly: true })) yield invalidValue('metadata.name', name, message);
  }
  if (parentRef === undefined) return;
  const at = 'spec.parentRef';
  yield* named(dns1123Subdomain, `${at}.group`, parentRef.group || undefined);
  for (const key of ['resource', 'name', 'namespace'] as const)
    yield* named(pathSegment, `${at}.${key}`, parentRef[key] || undefined);
}

function parentOf({ group, resource: plural, namespace, name }: ParentReference): string {
  const parts = [(group ? `${plural}.${group}` : plural).toLowerCase(), ...(namespace ? [namespace] : []), name];
  return parts.join('/');
}

export const IPAddress = resource({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  scope: 'Cluster',
  columns: [
    nameColumn,
    { name: 'ParentRef', type: 'string', description: 'Who uses it.', cell: ({ spec }) => parentOf(spec.parentRef) },
  ],
  hooks: {
    name: 'pathSegment',
    validateCreate: ({ metadata, spec }) => [...addressCauses(metadata.name, spec)],
  },
  name: 'networking.v1.IPAddress',
  doc: 'An address that is in use. The name is the address in its canonical form.',
  fields: {
    spec: s
      .field(2, ipAddressSpec)
      .default({} as never)
      .doc('Who uses the address.'),
  },
});
export type IPAddress = ObjectOf<typeof IPAddress>;
