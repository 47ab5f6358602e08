/**
 * PodTemplateSpec: the pod that a controller makes copies of.
 */
import { objectMeta } from '#schema/object-meta.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { podSpec } from './pod-spec.ts';

export const podTemplateSpec = struct(
  'core.v1.PodTemplateSpec',
  {
    metadata: s.field(1, objectMeta).default({}).doc('Labels and annotations of each pod made from the template.'),
    spec: s
      .field(2, podSpec)
      .default({} as never)
      .doc('What each pod should run.'),
  },
  { doc: 'The pod that a controller makes copies of.' },
);
export interface PodTemplateSpec extends Of<typeof podTemplateSpec> {}
