/**
 * ResourceClaimTemplate: from which each pod that names it gets a ResourceClaim of its own.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { objectMeta } from '#schema/object-meta.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { validateTemplateMeta } from '#schema/validate-meta.ts';
import type { DraftMeta } from '#meta/object-meta.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { fillClaim, resourceClaimSpec } from './device-claim.ts';
import { deviceClaimCauses } from './device-claim-validation.ts';

export const resourceClaimTemplateSpec = struct(
  'resource.v1.ResourceClaimTemplateSpec',
  {
    metadata: s.field(1, objectMeta).filled().doc('Labels and annotations of each claim; nothing else may be given.'),
    spec: s.field(2, resourceClaimSpec).filled().doc('What each claim asks for.'),
  },
  { doc: 'The claim that is made.' },
);
export interface ResourceClaimTemplateSpec extends Of<typeof resourceClaimTemplateSpec> {}

export const ResourceClaimTemplate = resource({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  scope: 'Namespaced',
  columns: [nameColumn, ageColumn],
  hooks: {
    fill: (draft) => {
      const { metadata, spec } = draft.spec ?? {};
      const claim = fillClaim(spec ?? {});
      if (metadata !== undefined && claim === spec) return draft;
      return { ...draft, spec: { ...draft.spec, metadata: metadata ?? {}, spec: claim } };
    },
    validateCreate: ({ spec }) => [
      ...validateTemplateMeta(spec.metadata as DraftMeta, 'spec.metadata', 'only'),
      ...deviceClaimCauses('spec.spec.devices', spec.spec.devices),
    ],
  },
  name: 'resource.v1.ResourceClaimTemplate',
  doc: 'Makes a ResourceClaim for each pod that refers to it. The claim lives as long as the pod.',
  fields: {
    spec: s
      .field(2, resourceClaimTemplateSpec)
      .immutable('internal')
      .default({})
      .doc('The claim that is made. It cannot be changed.'),
  },
});
export type ResourceClaimTemplate = ObjectOf<typeof ResourceClaimTemplate>;
