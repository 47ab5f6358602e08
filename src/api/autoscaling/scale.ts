/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';

export const scaleSpec = struct('autoscaling.v1.ScaleSpec', {
  replicas: s.int32(1).default(0).doc(''),
});
export interface ScaleSpec extends Of<typeof scaleSpec> {}

export const scaleStatus = struct('autoscaling.v1.ScaleStatus', {
  replicas: s.int32(1).default(0).doc(''),
  selector: s.string(2).optional().doc(''),
});
export interface ScaleStatus extends Of<typeof scaleStatus> {}

export const Scale = resource({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  scope: 'Namespaced',
  verbs: [],
  name: 'autoscaling.v1.Scale',
  doc: '',
  fields: {
    spec: s.field(2, scaleSpec).default({}).doc(''),
    status: s.field(3, scaleStatus).default({}).doc(''),
  },
});
export type Scale = ObjectOf<typeof Scale>;
