/**
 * Scale: the size of a Deployment or ReplicaSet, as the scale subresource shows it. It has no path of its own.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';

export const scaleSpec = struct(
  'autoscaling.v1.ScaleSpec',
  {
    replicas: s.int32(1).min(0).default(0).doc('How many replicas there should be.'),
  },
  { doc: 'The wanted size.' },
);
export interface ScaleSpec extends Of<typeof scaleSpec> {}

export const scaleStatus = struct(
  'autoscaling.v1.ScaleStatus',
  {
    replicas: s.int32(1).default(0).doc('How many replicas there are.'),
    selector: s.string(2).optional().doc('Selector of the pods, as text.'),
  },
  { doc: 'The present size.' },
);
export interface ScaleStatus extends Of<typeof scaleStatus> {}

export const Scale = resource({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  scope: 'Namespaced',
  verbs: [],
  name: 'autoscaling.v1.Scale',
  doc: 'The size of something that can be scaled.',
  fields: {
    spec: s.field(2, scaleSpec).default({}).doc('The wanted size.'),
    status: s.field(3, scaleStatus).default({}).doc('The present size.'),
  },
});
export type Scale = ObjectOf<typeof Scale>;
