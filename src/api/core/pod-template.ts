/** */
import { objectMeta } from '#schema/object-meta.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { podSpec } from './pod-spec.ts';

export const podTemplateSpec = struct('core.v1.PodTemplateSpec', {
  metadata: s.field(1, objectMeta).default({}).doc(''),
  spec: s
    .field(2, podSpec)
    .default({} as never)
    .doc(''),
});
export interface PodTemplateSpec extends Of<typeof podTemplateSpec> {}
