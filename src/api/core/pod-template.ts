/** */
import { s, struct, type Of } from '#schema/type.ts';
import { podSpec } from './pod-spec.ts';

export const podTemplateSpec = struct('core.v1.PodTemplateSpec', {
  spec: s.field(2, podSpec).optional().doc(''),
});
export interface PodTemplateSpec extends Of<typeof podTemplateSpec> {}
