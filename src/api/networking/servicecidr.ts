/**
 * ServiceCIDR: ranges that Services get their cluster addresses from.
 */
import { parseCidr } from '#base/cidr.ts';
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { cidrRange } from '#meta/ip.ts';
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { indexed, type Causes } from '../field-checks.ts';

const rangesMax = 2;

export const serviceCidrSpec = struct(
  'networking.v1.ServiceCIDRSpec',
  {
    cidrs: s
      .list(1, t.string)
      .ruled()
      .doc('One range, or one of each IP family. Cannot be changed, but a range of the second family may be added.'),
  },
  { doc: 'The ranges.' },
);
export interface ServiceCidrSpec extends Of<typeof serviceCidrSpec> {}

export const serviceCidrStatus = struct(
  'networking.v1.ServiceCIDRStatus',
  {
    conditions: s
      .list(1, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail; Ready tells whether addresses are allocated from it.'),
  },
  { doc: 'What was last seen.' },
);

const canonicalRange = (text: string): readonly string[] => cidrRange(text, { canonicalOnly: true });

function* rangeCauses({ cidrs = [] }: ServiceCidrSpec): Causes {
  if (cidrs.length === 0) {
    yield required('spec.cidrs', 'at least one CIDR required');
    return;
  }
  if (cidrs.length > rangesMax) {
    yield invalidValue('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values');
    return;
  }
  for (const [text, at] of indexed('spec.cidrs', cidrs))
    for (const message of canonicalRange(text)) yield invalidValue(at, text, message);
  const [first, second] = cidrs.map((text) => parseCidr(text)?.address.family);
  if (first !== undefined && first === second)
    yield invalidValue(
      'spec.cidrs',
      cidrs,
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    );
}

function* changedRanges({ cidrs: given }: ServiceCidrSpec, { cidrs: old = [] }: ServiceCidrSpec): Causes {
  const cidrs = given ?? [];
  const grows = old.length === 1 && cidrs.length === rangesMax;
  if (cidrs.length !== old.length && !grows) {
    yield invalidValue('spec.cidrs', given, immutableDetail);
    return;
  }
  for (const [text, at, index] of indexed('spec.cidrs', old))
    if (cidrs[index] !== text) yield invalidValue(at, cidrs[index], immutableDetail);
  // Nothing else of an old range is looked at again.
  if (grows) yield* rangeCauses({ cidrs });
}

export const ServiceCIDR = resource({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'CIDRs', type: 'string', description: 'The ranges.', cell: ({ spec }) => spec.cidrs.join(',') },
    ageColumn,
  ],
  hooks: {
    generation: false,
    prepareCreate: (range) => ({ ...range, status: {} }),
    validateCreate: ({ metadata, spec }) => (metadata.resourceVersion ? [] : [...rangeCauses(spec)]),
    validateUpdate: ({ spec }, { spec: old }) => [...changedRanges(spec, old)],
  },
  name: 'networking.v1.ServiceCIDR',
  doc: 'Ranges of addresses for Services.',
  fields: {
    spec: s
      .field(2, serviceCidrSpec)
      .default({} as never)
      .doc('The ranges.'),
    status: s.field(3, serviceCidrStatus).default({}).doc('What was last seen.'),
  },
});
export type ServiceCIDR = ObjectOf<typeof ServiceCIDR>;
