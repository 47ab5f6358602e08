/**
 * ResourceQuota: what a namespace may hold and use in all. Declares fields; the rules stand in `resourcequota-validation.ts`, counting is the
 * work of an admission plugin and a controller.
 */
import { parseQuantity } from '#meta/quantity.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { quotaCauses, quotaStatusCauses, quotaUpdateCauses } from './resourcequota-validation.ts';

export const scopedResourceSelectorRequirement = struct(
  'core.v1.ScopedResourceSelectorRequirement',
  {
    scopeName: s.string(1).ruled().doc('The scope that is compared, such as PriorityClass.'),
    operator: s.string(2).ruled().doc('In, NotIn, Exists or DoesNotExist.'),
    values: s.list(3, t.string).optional().doc('What it is compared with; empty for Exists and DoesNotExist.'),
  },
  { doc: 'One requirement on what a quota counts.' },
);
export interface ScopedResourceSelectorRequirement extends Of<typeof scopedResourceSelectorRequirement> {}

export const scopeSelector = struct(
  'core.v1.ScopeSelector',
  {
    matchExpressions: s
      .list(1, scopedResourceSelectorRequirement)
      .optional()
      .doc('Requirements; an object is counted when all of them hold.'),
  },
  { atomic: true, doc: 'Which objects a quota counts.' },
);
export interface ScopeSelector extends Of<typeof scopeSelector> {}

export const resourceQuotaSpec = struct(
  'core.v1.ResourceQuotaSpec',
  {
    hard: s
      .map(1, t.quantity)
      .optional()
      .doc('The most of each resource, such as requests.cpu, pods or count/deployments.apps.'),
    scopes: s
      .list(2, t.string)
      .optional()
      .doc('Count only objects in all of these scopes: Terminating, NotTerminating, BestEffort, NotBestEffort …'),
    scopeSelector: s.field(3, scopeSelector).optional().doc('Scopes with operators and values.'),
  },
  { doc: 'The limits of a namespace as a whole.' },
);
export interface ResourceQuotaSpec extends Of<typeof resourceQuotaSpec> {}

export const resourceQuotaStatus = struct(
  'core.v1.ResourceQuotaStatus',
  {
    hard: s.map(1, t.quantity).optional().doc('The limits that are enforced now.'),
    used: s.map(2, t.quantity).optional().doc('What is used now.'),
  },
  { doc: 'What was last counted.' },
);
export interface ResourceQuotaStatus extends Of<typeof resourceQuotaStatus> {}

/** `cpu: 1/2, pods: 3/10`, by name; only limits, or all but limits. */
function usage({ hard = {}, used = {} }: ResourceQuotaStatus, limits: boolean): string {
  return Object.keys(hard)
    .filter((name) => name.startsWith('limits.') === limits)
    .sort()
    .map((name) => `${name}: ${canonical(used[name])}/${canonical(hard[name])}`)
    .join(', ');
}
const canonical = (text: string | undefined): string => parseQuantity(text ?? '0')?.text ?? '0';

export const ResourceQuota = resource({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Request',
      type: 'string',
      description: 'Used and allowed, of everything but limits.',
      cell: ({ status }) => usage(status, false),
    },
    {
      name: 'Limit',
      type: 'string',
      description: 'Used and allowed, of limits.',
      cell: ({ status }) => usage(status, true),
    },
    ageColumn,
  ],
  hooks: {
    validateCreate: ({ spec }) => [...quotaCauses(spec)],
    validateUpdate: ({ spec }, { spec: old }) => [...quotaUpdateCauses(spec, old)],
    validateStatus: ({ status }) => [...quotaStatusCauses(status)],
    prepareCreate: (quota) => ({ ...quota, status: {} }),
    generation: false,
  },
  name: 'core.v1.ResourceQuota',
  doc: 'The most of each resource that a namespace may hold or use in all.',
  fields: {
    spec: s.field(2, resourceQuotaSpec).default({}).doc('The limits.'),
    status: s.field(3, resourceQuotaStatus).default({}).doc('What was last counted.'),
  },
});
export type ResourceQuota = ObjectOf<typeof ResourceQuota>;
